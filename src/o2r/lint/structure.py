"""Rules about how models depend on each other, are named and are filed.

They follow dbt Labs' dbt_project_evaluator where its rule fits this project. Left out on purpose:
model fan-out (marts are leaves, read by dashboards), rejoining of upstream concepts (a fact and its
dimensions do it by design) and chained views (only staging, one level deep, may be a view).
"""

import re
from collections.abc import Iterator
from pathlib import PurePath

from o2r.lint.manifest import LAYERS, Finding, Node, Project, find, folders, kind, layer, parents

DOMAINS = {
    *("core", "revenue", "customer", "product_performance", "token_usage", "capacity", "support"),
    *("identity", "journey", "marketing", "predictions", "o2r"),
}
PREFIXES = {
    "staging": ("stg_",),
    "intermediate": ("int_",),
    "marts/core": ("dim_", "fct_", "bridge_"),
}
# dbt_project_evaluator says 7. Here a summary joins the period spine, the as-of day and the first
# observed days before any fact, and dim_account gathers accounts from every feed.
MAX_PARENTS = 10
MAX_LINES = 250  # of a model; a longer one says more than one thing
MAX_IDENTIFIER = 63  # PostgreSQL cuts longer names off

DATE_ENDING = re.compile(r"(^|_)(date|start|end|day|week|month|quarter|year)$")
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/|\{#.*?#\}", re.DOTALL)
LITERAL = re.compile(r"'(?:[^']|'')*'")
FUNCTION_FROM = re.compile(
    r"\b(?:extract|substring|trim)\s*\([^()]*?\bfrom\b|\bdistinct\s+from\b", re.I
)
NAMED_SCHEMA = re.compile(r'\b(?:from|join)\s+("?\w+"?\."?\w+"?(?:\."?\w+"?)?)', re.IGNORECASE)


def layer_findings(project: Project) -> Iterator[Finding]:
    """Arrows run staging -> intermediate -> marts/core -> marts/<domain> -> marts/o2r."""
    for model in project.models.values():
        own = layer(model)
        if own is None:
            yield find(model, "layer", f"move it below {', '.join(LAYERS)}")
            continue
        sources = [name for name in parents(model) if kind(name) == "source"]
        others = [name for name in parents(model) if kind(name) != "source"]
        if own == "staging":
            if len(sources) != 1:
                yield find(model, "layer", f"let staging read one source, not {len(sources)}")
            if others:
                yield find(model, "layer", f"let staging read no model or seed: {_names(others)}")
            continue
        if sources:
            yield find(model, "layer", f"read sources through staging: {_names(sources)}")
        for name in others:
            below = layer(project.models[name]) if name in project.models else None
            if below and LAYERS.index(below) > LAYERS.index(own):
                yield find(model, "layer", f"{own} cannot read {_names([name])} of {below}")
        if not parents(model):
            yield find(
                model, "root-model", "read a source, seed or model, so that lineage shows it"
            )
    for exposure in project.exposures.values():
        shown = [name for name in parents(exposure) if kind(name) != "metric"]
        if wrong := [name for name in shown if project.models.get(name) not in project.marts]:
            yield find(exposure, "layer", f"show marts and metrics only, not {_names(wrong)}")


def reading_findings(project: Project) -> Iterator[Finding]:
    """Who reads what within the layers."""
    for name, source in project.sources.items():
        readers = [model["name"] for model in project.readers[name] if layer(model) == "staging"]
        if len(readers) > 1:
            yield find(source, "source-fanout", f"read it in one of {', '.join(sorted(readers))}")
        if not readers and _has_freshness(source):
            yield find(source, "unread-source", "write its staging model, or drop its freshness")
        if readers and not _has_freshness(source):
            yield find(source, "freshness", "say after how long it is late: config.freshness")
    for model in project.models.values():
        if layer(model) == "intermediate" and not project.readers[model["unique_id"]]:
            yield find(model, "unread-model", "no model reads it: delete it")
        if layer(model) in ("marts/<domain>", "marts/o2r"):
            for name in parents(model):
                if facts := _core_readers(project, name):
                    stage = _names([name])
                    yield find(model, "staging-in-mart", f"read {facts} instead of {stage}")
        if len(parents(model)) > MAX_PARENTS:
            text = f"reads {len(parents(model))} tables, over {MAX_PARENTS}: split off a model"
            yield find(model, "many-parents", text)
        if (lines := len(model["raw_code"].splitlines())) > MAX_LINES:
            text = f"{lines} lines, over {MAX_LINES}: split off what is a thing of its own"
            yield find(model, "long-model", text)
    for node in (*project.models.values(), *_singular(project)):
        for relation in named_schemas(node["raw_code"]):
            yield find(node, "named-schema", f"write ref() or source() for {relation}")


def name_findings(project: Project) -> Iterator[Finding]:
    """Names of models, folders, files and tests."""
    source_names = {source["source_name"] for source in project.sources.values()}
    for model in project.models.values():
        own, name, path = layer(model), model["name"], PurePath(model["original_file_path"])
        if own is None:
            continue  # reported once, as a layer
        allowed = PREFIXES.get(own, ())
        if allowed and not name.startswith(allowed):
            yield find(model, "prefix", f"begin the name with {' or '.join(allowed)}")
        if not allowed and name.startswith(("stg_", "int_", "dim_", "fct_")):
            yield find(model, "prefix", f"{name[:4]} belongs to another layer: rename it")
        top, *below = folders(model)
        read = {x.split(".")[2] for x in parents(model) if kind(x) == "source"}
        known = {"staging": read or source_names, "marts": DOMAINS}
        if not below or below[0] not in known.get(top, DOMAINS | source_names):
            yield find(model, "folder", f"file it by {'source' if top == 'staging' else 'domain'}")
        # A family of models (x_weekly, x_monthly), and the versions of one, share the file x.yml.
        yaml_file = path.with_name(f"{name}.yml" if top == "marts" else "_models.yml")
        described = PurePath((model.get("patch_path") or "").partition("://")[2] or yaml_file)
        is_family = top == "marts" and f"{name}_".startswith(f"{described.stem}_")
        if described.parent != path.parent or not (is_family or described == yaml_file):
            yield find(model, "yaml-file", f"describe it in {yaml_file}, not {described}")
    for source in project.sources.values():
        wanted = f"models/staging/{source['source_name']}/_sources.yml"
        if source["original_file_path"] != wanted:
            yield find(source, "yaml-file", f"describe it in {wanted}")
    for test in project.unit_tests.values():
        name, model = test["name"], test["model"]
        if not re.fullmatch(rf"test_{model}__[a-z0-9_]+", name):
            yield find(test, "test-name", f"name it test_{model}__<behaviour>")
        if len(name) > MAX_IDENTIFIER:
            yield find(test, "test-name", f"{len(name)} characters: keep to {MAX_IDENTIFIER}")
    for test in _singular(project):
        if not re.fullmatch(r"assert_[a-z0-9_]+", test["name"]):
            yield find(test, "test-name", "name it assert_<claim>")
        if not test["original_file_path"].startswith("tests/singular/"):
            yield find(test, "folder", "move it to tests/singular/")


def column_name_findings(project: Project) -> Iterator[Finding]:
    """The name of a mart's column tells its type, and the other way round."""
    for model in project.marts:
        for column in model["columns"].values():
            name, kind_of = column["name"], (column.get("data_type") or "").lower()
            if kind_of and (remedy := _column_name_remedy(name, kind_of)):
                yield find(model, "column-name", remedy, column)


def _column_name_remedy(name: str, data_type: str) -> str | None:
    is_number = data_type.startswith(("numeric", "integer", "bigint"))
    pairs = (
        (data_type.startswith("timestamp"), name.endswith("_at"), "a timestamp", "_at"),
        (data_type == "boolean", name.startswith(("is_", "has_")), "a boolean", "is_ or has_"),
    )
    for is_type, is_named, what, affix in pairs:
        if is_type != is_named:
            return f"{what} is named {affix}, and nothing else is; this is {data_type}"
    if data_type == "date" and not DATE_ENDING.search(name):
        return "end the name of a date with _date, _start, _end or its unit, such as _month"
    if name.endswith("_date") and data_type != "date":
        return f"_date is for dates; this is {data_type}"
    if name.endswith("_count") and data_type not in ("integer", "bigint"):
        return f"_count is for integers; this is {data_type}"
    if name.endswith("_pct") and not is_number:
        return f"_pct is for numbers, 100 for all; this is {data_type}"
    if name.endswith(("_id", "_key")) and data_type != "text":
        return f"_id and _key are text; this is {data_type}"
    return None


def named_schemas(sql: str) -> list[str]:
    """Tables that SQL as written names itself, instead of by ref() or source()."""
    bare = LITERAL.sub("''", COMMENT.sub(" ", sql))
    return NAMED_SCHEMA.findall(FUNCTION_FROM.sub(" ", bare))


def _core_readers(project: Project, name: str) -> str:
    """Facts and dimensions built on a staging model; none when it is not one."""
    if name not in project.models or layer(project.models[name]) != "staging":
        return ""
    return " or ".join(
        sorted(
            model["name"]
            for model in project.readers[name]
            if layer(model) == "marts/core" and model["name"].startswith("fct_")
        )
    )


def _has_freshness(source: Node) -> bool:
    freshness = source.get("freshness") or {}
    return any((freshness.get(key) or {}).get("count") for key in ("warn_after", "error_after"))


def _singular(project: Project) -> list[Node]:
    return [test for test in project.tests.values() if not test.get("test_metadata")]


def _names(unique_ids: list[str]) -> str:
    return ", ".join(unique_id.split(".", 2)[2] for unique_id in unique_ids)
