"""Check the keys of the dbt project's YAML files.

dbt checks them for some warehouses, Postgres not among them: there it ignores a mistyped key. The
shapes below list the keys this project uses or may use, spelled as dbt 1.11 and 1.12 want them
(`data_tests`, `arguments`, `config.meta`), without the older spellings. `python -m
o2r.lint.yaml_keys` checks every file.
"""

import difflib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o2r.lint.contracts import project_gaps
from o2r.lint.manifest import RULES
from o2r.yaml_files import read_yaml


@dataclass(frozen=True)
class ListOf:
    """A list whose entries all have one shape."""

    entry: Any


@dataclass(frozen=True)
class MapOf:
    """A mapping with free keys (names) whose values all have one shape."""

    value: Any


@dataclass(frozen=True)
class OrText:
    """Plain text, or the shape."""

    shape: Any


@dataclass(frozen=True)
class Folders:
    """`dbt_project.yml`: settings of a resource type, marked +, nested by folder and file name."""

    settings: dict[str, Any]


# A shape is one of the above, a dict of the keys allowed with their shapes, or ANY.
ANY = None


def _keys(words: str) -> dict[str, None]:
    return dict.fromkeys(words.split())


_PERIOD = _keys("count period")
_FRESHNESS = {"warn_after": _PERIOD, "error_after": _PERIOD, "filter": ANY}
_META = {"lint": dict.fromkeys(RULES)}
_DOCS = _keys("show node_color")
_OWNER = _keys("name email")
_CONSTRAINT = _keys("type name expression columns to to_columns warn_unenforced warn_unsupported")

_COMMON_CONFIG = _keys(
    "enabled tags schema database alias grants group access event_time persist_docs quoting"
    " pre_hook pre-hook post_hook post-hook full_refresh"
) | {"docs": _DOCS, "meta": _META}
_MODEL_CONFIG = (
    _COMMON_CONFIG
    | _keys(
        "materialized incremental_strategy incremental_predicates unique_key on_schema_change"
        " on_configuration_change sql_header unlogged"
    )
    | {
        # What an incremental model follows: dbt/macros/incremental.sql.
        "meta": _META | _keys("follows follows_tables"),
        "contract": _keys("enforced alias_types"),
        "indexes": ListOf(_keys("columns unique type")),
    }
)
_SEED_CONFIG = _COMMON_CONFIG | _keys("column_types delimiter quote_columns")
_SNAPSHOT_CONFIG = _COMMON_CONFIG | _keys(
    "strategy unique_key updated_at check_cols hard_deletes dbt_valid_to_current"
    " snapshot_meta_column_names target_schema target_database"
)
_TEST_CONFIG = _keys(
    "enabled tags alias group severity warn_if error_if where limit fail_calc store_failures"
    " store_failures_as schema database"
) | {"meta": _META}
# Keys of `meta` are ours: exceptions from rules of o2r.lint, and the contract of a bronze table,
# which the loader reads.
_SOURCE_TABLE_META = (
    _keys("owner business_key partition_by_month event_column checks rows needed_by") | _META
)
_SOURCE_COLUMN_META = _keys("required aliases pii normal_form words known_from") | {
    "bounds": _keys("min max days_after_load bytes")
}
_SOURCE_CONFIG = _keys("enabled tags event_time loaded_at_field loaded_at_query") | {
    "freshness": _FRESHNESS
}

_DATA_TESTS = ListOf(
    OrText(MapOf(_keys("name description") | {"arguments": MapOf(ANY), "config": _TEST_CONFIG}))
)
_COLUMN = _keys("name description data_type quote") | {
    "config": {"tags": ANY, "meta": _META},
    "constraints": ListOf(_CONSTRAINT),
    "data_tests": _DATA_TESTS,
}
# The day column of a time spine says its granularity.
_MODEL_TABLE = _keys("name description") | {
    "columns": ListOf(_COLUMN | _keys("granularity")),
    "data_tests": _DATA_TESTS,
}
_SOURCE_COLUMN = _COLUMN | {"config": {"tags": ANY, "meta": _SOURCE_COLUMN_META}}
_TABLE_LIKE = _keys("name description") | {"columns": ListOf(_COLUMN), "data_tests": _DATA_TESTS}
_ROWS = _keys("rows format fixture")

# Of MetricFlow, in the spelling that dbt 1.11 and 1.12 both read.
_SEMANTIC_CONFIG = _keys("enabled group meta tags")
_METRIC_INPUT = OrText(
    _keys("name filter alias offset_window offset_to_grain fill_nulls_with join_to_timespine")
)

RESOURCES: dict[str, Any] = {
    "version": ANY,
    "models": ListOf(
        _MODEL_TABLE
        | _keys("latest_version deprecation_date")
        | {
            "config": _MODEL_CONFIG,
            "constraints": ListOf(_CONSTRAINT),
            "time_spine": _keys("standard_granularity_column custom_granularities"),
            "versions": ListOf(
                _keys("v defined_in description deprecation_date")
                | {
                    "config": _MODEL_CONFIG,
                    "columns": ListOf(_COLUMN | _keys("include exclude")),
                    "data_tests": _DATA_TESTS,
                }
            ),
        }
    ),
    "seeds": ListOf(_TABLE_LIKE | {"config": _SEED_CONFIG}),
    "snapshots": ListOf(_TABLE_LIKE | {"relation": ANY, "config": _SNAPSHOT_CONFIG}),
    "sources": ListOf(
        _keys("name description database schema loader quoting")
        | {
            "config": _SOURCE_CONFIG | {"meta": MapOf(ANY)},
            "tables": ListOf(
                _keys("name description identifier loader quoting")
                | {
                    "config": _SOURCE_CONFIG | {"meta": _SOURCE_TABLE_META},
                    "columns": ListOf(_SOURCE_COLUMN),
                    "data_tests": _DATA_TESTS,
                }
            ),
        }
    ),
    "unit_tests": ListOf(
        _keys("name description model")
        | {
            "given": ListOf({"input": ANY} | _ROWS),
            "expect": _ROWS,
            "overrides": dict.fromkeys(("macros", "vars", "env_vars"), MapOf(ANY)),
            "versions": _keys("include exclude"),
            "config": {"enabled": ANY, "tags": ANY, "meta": _META},
        }
    ),
    "exposures": ListOf(
        _keys("name label description type maturity url depends_on")
        | {"owner": _OWNER, "config": {"enabled": ANY, "tags": ANY, "meta": _META}}
    ),
    "groups": ListOf(_keys("name description") | {"owner": _OWNER, "config": _keys("meta")}),
    "macros": ListOf(
        _keys("name description")
        | {
            "arguments": ListOf(_keys("name type description")),
            "config": {"meta": ANY, "docs": _DOCS},
        }
    ),
    "analyses": ListOf(
        _keys("name description columns") | {"config": _keys("enabled tags meta docs")}
    ),
    "data_tests": ListOf(_keys("name description") | {"config": _TEST_CONFIG}),
    "semantic_models": ListOf(
        _keys("name label description model primary_entity")
        | {
            "config": _SEMANTIC_CONFIG,
            "defaults": _keys("agg_time_dimension"),
            "entities": ListOf(_keys("name label description type expr role")),
            "dimensions": ListOf(
                _keys("name label description type expr is_partition")
                | {"type_params": _keys("time_granularity")}
            ),
            "measures": ListOf(
                _keys("name label description agg expr agg_time_dimension")
                | {
                    "agg_params": _keys("percentile use_discrete_percentile"),
                    "non_additive_dimension": _keys("name window_choice window_groupings"),
                }
            ),
        }
    ),
    "metrics": ListOf(
        _keys("name label description type time_granularity filter")
        | {
            "config": _SEMANTIC_CONFIG,
            "type_params": _keys("expr")
            | {
                "measure": _METRIC_INPUT,
                "numerator": _METRIC_INPUT,
                "denominator": _METRIC_INPUT,
                "metrics": ListOf(_METRIC_INPUT),
            },
        }
    ),
}

PROJECT: dict[str, Any] = _keys(
    "name version config-version require-dbt-version profile model-paths macro-paths seed-paths"
    " test-paths snapshot-paths analysis-paths docs-paths asset-paths clean-targets"
    " packages-install-path query-comment quoting dispatch on-run-start on-run-end"
) | {
    "vars": MapOf(ANY),
    "flags": _keys(
        "fail_fast indirect_selection partial_parse printer_width send_anonymous_usage_stats"
        " static_parser use_colors use_experimental_parser version_check warn_error"
        " warn_error_options write_json"
        " require_generic_test_arguments_property source_freshness_run_project_hooks"
        " state_modified_compare_more_unrendered_values validate_macro_args"
    ),
    "models": Folders(_MODEL_CONFIG),
    "seeds": Folders(_SEED_CONFIG),
    "snapshots": Folders(_SNAPSHOT_CONFIG),
    "sources": Folders(_SOURCE_CONFIG | {"meta": ANY}),
    "data_tests": Folders(_TEST_CONFIG),
    "unit_tests": Folders(_keys("enabled tags meta")),
    "exposures": Folders(_keys("enabled tags meta")),
    "semantic-models": Folders(_SEMANTIC_CONFIG),
    "metrics": Folders(_SEMANTIC_CONFIG),
}

SELECTORS: dict[str, Any] = {"selectors": ListOf(_keys("name description default definition"))}

_CONFIG_BLOCK = re.compile(r"\{\{-?\s*config\s*\((.*?)\)\s*-?\}\}", re.DOTALL)
_KEYWORD = re.compile(r"(?:^|,)\s*(\w+)\s*=(?!=)")


def unknown_keys(data: Any, shape: Any, place: str = "") -> Iterator[str]:
    """Yield one message for each key of `data` that its shape does not know.

    Text or a list where the shape wants a mapping is reported too, not passed over.
    """
    match shape:
        case _ if shape is ANY or data is None:  # an explicit null switches a default off
            return
        case OrText(shape=inner):
            if not isinstance(data, str):
                yield from unknown_keys(data, inner, place)
        case ListOf(entry=inner):
            if not isinstance(data, list):
                yield f"{place}: expected a list"
                return
            for number, entry in enumerate(data, start=1):
                name = entry.get("name", number) if isinstance(entry, dict) else number
                yield from unknown_keys(entry, inner, f"{place}[{name}]")
        case _ if not isinstance(data, dict):
            yield f"{place}: expected a mapping"
        case MapOf(value=inner):
            for key, value in data.items():
                yield from unknown_keys(value, inner, f"{place}.{key}".lstrip("."))
        case Folders(settings=settings):
            for key, value in data.items():
                inner_place = f"{place}.{key}"
                setting = key.removeprefix("+")
                if setting != key and setting not in settings:
                    yield _message(inner_place, setting, settings)
                elif setting != key:
                    yield from unknown_keys(value, settings[setting], inner_place)
                elif isinstance(value, dict):
                    yield from unknown_keys(value, shape, inner_place)
                else:
                    yield f"{inner_place}: a setting starts with +"
        case dict():
            for key, value in data.items():
                inner_place = f"{place}.{key}".lstrip(".")
                if key in shape:
                    yield from unknown_keys(value, shape[key], inner_place)
                else:
                    yield _message(inner_place, str(key), shape)


def _message(place: str, key: str, known: Any) -> str:
    close = difflib.get_close_matches(key, list(known), n=1)
    return f"{place}: unknown key" + (f", did you mean {close[0]}?" if close else "")


def unknown_config_arguments(sql: str, known: dict[str, Any] = _MODEL_CONFIG) -> Iterator[str]:
    """Yield one message for each argument of a `config(...)` that dbt does not know."""
    for block in _CONFIG_BLOCK.findall(sql):
        flat = re.sub(r"'[^']*'|\"[^\"]*\"", "''", block)
        while re.search(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}", flat):
            flat = re.sub(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}", "''", flat)
        for key in _KEYWORD.findall(flat):
            if key not in known:
                yield _message("config", key, known)


def missing_folders(project: dict[str, Any], dbt_dir: Path) -> Iterator[str]:
    """Yield one message for each folder of `dbt_project.yml` that selects nothing."""
    for kind, path_key in (("models", "model-paths"), ("seeds", "seed-paths")):
        for root in project.get(path_key, [kind]):
            settings = project.get(kind, {}).get(project["name"], {})
            yield from _missing(settings, dbt_dir / root, f"{kind}.{project['name']}")


def _missing(settings: dict[str, Any], folder: Path, place: str) -> Iterator[str]:
    for key, value in settings.items():
        if key.startswith("+"):
            continue
        if not (folder / key).is_dir() and not any(folder.glob(f"{key}.*")):
            yield f"{place}.{key}: no such folder or file"
        elif isinstance(value, dict):
            yield from _missing(value, folder / key, f"{place}.{key}")


def check_project(dbt_dir: Path) -> list[str]:
    """Return what is wrong in the YAML files and config blocks of the dbt project."""
    problems = []
    project = read_yaml(dbt_dir / "dbt_project.yml")
    problems += [f"{dbt_dir}/dbt_project.yml: {text}" for text in unknown_keys(project, PROJECT)]
    problems += [f"{dbt_dir}/dbt_project.yml: {text}" for text in missing_folders(project, dbt_dir)]
    problems += project_gaps(dbt_dir)
    if (dbt_dir / "selectors.yml").is_file():
        selectors = read_yaml(dbt_dir / "selectors.yml")
        problems += [f"{dbt_dir}/selectors.yml: {x}" for x in unknown_keys(selectors, SELECTORS)]
    for folder in ("models", "seeds", "snapshots", "macros", "tests", "analyses"):
        for path in sorted((dbt_dir / folder).rglob("*.y*ml")):
            content = read_yaml(path)
            problems += [f"{path}: {text}" for text in unknown_keys(content, RESOURCES)]
        known = _TEST_CONFIG if folder == "tests" else _MODEL_CONFIG
        for path in sorted((dbt_dir / folder).rglob("*.sql")):
            found = unknown_config_arguments(path.read_text(), known)
            problems += [f"{path}: {text}" for text in found]
    return problems


def main() -> int:
    """Check the dbt project of the work folder; return the exit code."""
    problems = check_project(Path("dbt"))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
