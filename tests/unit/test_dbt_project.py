"""Rules of the house that hold for every model, read from the files without running dbt."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DBT_DIR = ROOT / "dbt"
LAYERS = ("staging", "intermediate", "marts/core", "marts/<domain>", "marts/o2r")
DOMAINS = {
    "core",
    "revenue",
    "customer",
    "product_performance",
    "token_usage",
    "capacity",
    "support",
    "journey",
    "marketing",
    "predictions",
    "o2r",
}

REF = re.compile(r"\bref\(\s*['\"](\w+)['\"]")
COMPUTED_REF = re.compile(r"\bref\(\s*[^'\"\s]")
SOURCE = re.compile(r"\bsource\(\s*['\"](\w+)['\"]\s*,\s*['\"](\w+)['\"]")
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/|\{#.*?#\}", re.DOTALL)
NAMED_SCHEMA = re.compile(r"(?<!distinct )\b(?:from|join)\s+(\w+\.\w+)", re.IGNORECASE)
SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\bxox[abpr]-[A-Za-z0-9-]{10,}|\bglpat-[A-Za-z0-9_-]{20}"
    r"|\b[a-z][a-z0-9+]*://[^\s:/@{}$]+:(?!\*)[^\s/@{}$]{3,}@"
    r"|(?im:^\s*(?:export\s+)?[a-z0-9_]*(?:password|secret|token|api_?key)\s*[:=]\s*"
    r"['\"]?[a-z0-9+/_-]{8,}['\"]?\s*$)"
)


@dataclass
class Model:
    """One model file and what the YAML beside it says."""

    path: Path  # below models/
    sql: str
    described: dict = field(default_factory=dict)
    described_in: Path | None = None

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def layer(self) -> str:
        top, second = self.path.parts[:2]
        if top != "marts":
            return top
        return f"marts/{second}" if second in ("core", "o2r") else "marts/<domain>"

    @property
    def code(self) -> str:
        return COMMENT.sub(" ", self.sql)

    @property
    def sources(self) -> list[tuple[str, str]]:
        return SOURCE.findall(self.code)

    def refs(self, models: dict[str, "Model"]) -> set[str]:
        """Models read; where the name is computed, every model that the file names."""
        found = set(REF.findall(self.code))
        if COMPUTED_REF.search(self.code):
            found |= set(re.findall(r"['\"](\w+)['\"]", self.code)) & models.keys()
        return found


def read_models(folder: Path) -> dict[str, Model]:
    models = {
        path.stem: Model(path.relative_to(folder), path.read_text())
        for path in sorted(folder.rglob("*.sql"))
    }
    for path in sorted(folder.rglob("*.yml")):
        for entry in (yaml.safe_load(path.read_text()) or {}).get("models", []):
            for described in of_each_version(entry):
                model = models.setdefault(described["name"], Model(path.relative_to(folder), ""))
                model.described, model.described_in = described, path.relative_to(folder)
    return models


def of_each_version(entry: dict) -> list[dict]:
    """What an entry says of each version of a model, under the name of the version's file."""
    described = []
    for version in entry.get("versions", [{}]):
        default = f"{entry['name']}_v{version['v']}" if version else entry["name"]
        columns = []
        for column in version.get("columns", [{"include": "all"}]):
            if "include" in column:
                left_out = column.get("exclude", [])
                columns += [
                    shared
                    for shared in entry.get("columns", [])
                    if column["include"] == "all" or shared["name"] in column["include"]
                    if shared["name"] not in left_out
                ]
            else:
                columns.append(column)
        names = {"name": version.get("defined_in", default), "model": entry["name"]}
        described.append(entry | version | {"columns": columns} | names)
    return described


def layer_problems(models: dict[str, Model]) -> list[str]:
    """Arrows run staging -> intermediate -> marts/core -> marts/<domain> -> marts/o2r."""
    problems = []
    for model in models.values():
        rank = LAYERS.index(model.layer)
        if rank == 0 and len(model.sources) != 1:
            problems.append(f"{model.name}: staging reads one source, not {len(model.sources)}")
        if rank == 0 and model.refs(models):
            problems.append(f"{model.name}: staging reads no model")
        if rank > 0 and model.sources:
            problems.append(f"{model.name}: only staging reads sources")
        for name in model.refs(models) & models.keys():
            if 0 < rank < LAYERS.index(models[name].layer):
                problems.append(f"{model.name} ({model.layer}) reads {name} of a later layer")
    return problems


def naming_problems(models: dict[str, Model]) -> list[str]:
    prefixes = {"staging": ("stg_",), "intermediate": ("int_",), "marts/core": ("dim_", "fct_")}
    problems = []
    for model in models.values():
        allowed = prefixes.get(model.layer)
        if allowed and not model.name.startswith(allowed):
            problems.append(
                f"{model.name}: a {model.layer} model begins with {' or '.join(allowed)}"
            )
        if not allowed and model.name.startswith(("stg_", "int_", "dim_", "fct_")):
            problems.append(f"{model.name}: {model.name[:4]} belongs to another layer")
        if model.layer == "staging" and any(s[0] != model.path.parts[1] for s in model.sources):
            problems.append(f"{model.name}: lies in the folder of another source")
        if model.layer.startswith("marts") and model.path.parts[1] not in DOMAINS:
            problems.append(f"{model.name}: {model.path.parts[1]} is no domain")
    return problems


def description_problems(models: dict[str, Model]) -> list[str]:
    problems = []
    for model in models.values():
        name, entry = model.name, model.described
        if not model.sql:
            problems.append(f"{model.described_in}: describes {entry['name']}, which has no file")
            continue
        if not re.match(r"-- Grain: one row\b", model.sql):
            problems.append(f"{name}: the first line says `-- Grain: one row ...`")
        if not entry.get("description", "").strip():
            problems.append(f"{name}: no description")
        if not has_tests(entry):
            problems.append(f"{name}: no data test")
        if model.layer.startswith("marts"):
            if model.described_in != model.path.with_name(f"{entry.get('model', name)}.yml"):
                problems.append(f"{name}: described in {model.described_in}, not beside its SQL")
            if not entry.get("columns"):
                problems.append(f"{name}: no columns")
            for column in entry.get("columns", []):
                if not column.get("description", "").strip():
                    problems.append(f"{name}.{column['name']}: no description")
                if not column.get("data_type"):
                    problems.append(f"{name}.{column['name']}: no data type")
        elif model.described_in and model.described_in.parent != model.path.parent:
            problems.append(f"{name}: described in {model.described_in}")
    folders: dict[Path, set[Path]] = {}
    for model in models.values():
        if model.described_in and not model.layer.startswith("marts"):
            folders.setdefault(model.described_in.parent, set()).add(model.described_in)
    problems += [
        f"{f}: more than one YAML of models" for f, files in folders.items() if len(files) > 1
    ]
    return problems


def unit_test_name_problems(unit_tests: list[dict]) -> list[str]:
    """Names say model and behaviour, and fit in the 63 characters of a Postgres identifier."""
    return [
        test["name"]
        for test in unit_tests
        if not re.fullmatch(rf"test_{test['model']}__[a-z0-9_]+", test["name"])
        or len(test["name"]) > 63
    ]


def has_tests(entry: dict) -> bool:
    return bool(entry.get("data_tests")) or any(
        column.get("data_tests") for column in entry.get("columns", [])
    )


def named_schemas(sql: str) -> list[str]:
    """Tables that a model names itself, instead of by ref() or source()."""
    return NAMED_SCHEMA.findall(COMMENT.sub(" ", sql))


def git(*arguments: str) -> list[str]:
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), *arguments, "-z"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name]


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    return read_models(DBT_DIR / "models")


def test_there_are_models_of_every_layer(models: dict[str, Model]) -> None:
    assert {model.layer for model in models.values()} == set(LAYERS)


def test_layers(models: dict[str, Model]) -> None:
    assert layer_problems(models) == []


def test_names(models: dict[str, Model]) -> None:
    assert naming_problems(models) == []


def test_descriptions(models: dict[str, Model]) -> None:
    assert description_problems(models) == []


def test_unit_test_names() -> None:
    files = (DBT_DIR / "models").rglob("*.yml")
    contents = [yaml.safe_load(path.read_text()) or {} for path in files]
    unit_tests = [test for content in contents for test in content.get("unit_tests", [])]
    assert unit_test_name_problems(unit_tests) == []


def test_no_schema_is_named_in_a_model(models: dict[str, Model]) -> None:
    assert {m.name: named_schemas(m.sql) for m in models.values() if named_schemas(m.sql)} == {}


def test_no_file_is_tracked_that_git_should_ignore() -> None:
    assert git("ls-files", "--cached", "--ignored", "--exclude-standard") == []


def test_no_secret_is_tracked() -> None:
    found = []
    for name in git("ls-files"):
        path = ROOT / name
        if name == "uv.lock" or not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", "ignore")
        found += [f"{name}: {match.group()[:20]}" for match in SECRET.finditer(text)]
    assert found == []


def a_model(path: str, sql: str, described: dict | None = None) -> dict[str, Model]:
    where = Path(path)
    beside = where.with_suffix(".yml") if path.startswith("marts") else where.parent / "_models.yml"
    return {where.stem: Model(where, sql, described or {}, beside)}


@pytest.mark.parametrize(
    ("path", "sql"),
    [
        ("staging/crm/stg_a.sql", "select 1"),
        ("staging/crm/stg_a.sql", "from {{ source('crm', 'a') }} join {{ source('crm', 'b') }}"),
        ("staging/crm/stg_a.sql", "from {{ source('crm', 'a') }} join {{ ref('int_b') }}"),
        ("intermediate/core/int_a.sql", "from {{ ref('dim_b') }}"),
        ("intermediate/core/int_a.sql", "from {{ source('crm', 'a') }}"),
        ("marts/core/dim_a.sql", "from {{ ref('sales') }}"),
        ("marts/revenue/a.sql", "from {{ ref('story') }}"),
        ("marts/revenue/a.sql", "{% for m in ['story'] %} from {{ ref(m) }} {% endfor %}"),
        ("marts/revenue/a.sql", "from {{ source('crm', 'a') }}"),
    ],
)
def test_an_arrow_the_wrong_way_is_red(path: str, sql: str) -> None:
    others = (
        a_model("intermediate/core/int_b.sql", "select 1")
        | a_model("marts/core/dim_b.sql", "select 1")
        | a_model("marts/revenue/sales.sql", "select 1")
        | a_model("marts/o2r/story.sql", "select 1")
    )
    assert layer_problems(others) == []
    assert len(layer_problems(others | a_model(path, sql))) == 1


def test_arrows_that_skip_a_layer_or_read_seeds_pass() -> None:
    models = (
        a_model("staging/crm/stg_a.sql", "from {{ source('crm', 'a') }} -- ref('int_b')")
        | a_model("intermediate/core/int_b.sql", "from {{ ref('stg_a') }}, {{ ref('a_seed') }}")
        | a_model("marts/core/dim_c.sql", "from {{ ref('stg_a') }}")
        | a_model("marts/o2r/d.sql", "from {{ ref('int_b') }}, {{ ref('dim_c') }}")
    )
    assert layer_problems(models) == []
    assert naming_problems(models) == []


@pytest.mark.parametrize(
    ("path", "sql"),
    [
        ("staging/crm/a.sql", "from {{ source('crm', 'a') }}"),
        ("staging/crm/stg_a.sql", "from {{ source('billing', 'a') }}"),
        ("intermediate/core/a.sql", ""),
        ("marts/core/a.sql", ""),
        ("marts/revenue/fct_a.sql", ""),
        ("marts/sales/a.sql", ""),
    ],
)
def test_a_wrong_name_is_red(path: str, sql: str) -> None:
    assert len(naming_problems(a_model(path, sql))) == 1


def test_a_missing_description_is_red() -> None:
    column = {"name": "a", "description": "A.", "data_type": "bigint", "data_tests": ["unique"]}
    entry = {"name": "dim_a", "description": "A.", "columns": [column]}
    sql = "-- Grain: one row per a.\nselect 1"
    path = "marts/core/dim_a.sql"
    assert description_problems(a_model(path, sql, entry)) == []
    for changed in (
        entry | {"description": " "},
        entry | {"columns": [column | {"description": ""}]},
        entry | {"columns": [column | {"data_type": None}]},
        entry | {"columns": [column | {"data_tests": []}]},
    ):
        assert len(description_problems(a_model(path, sql, changed))) == 1
    assert len(description_problems(a_model(path, "select 1", entry))) == 1
    elsewhere = {"dim_a": Model(Path(path), sql, entry, Path("marts/core/_models.yml"))}
    assert len(description_problems(elsewhere)) == 1
    assert len(description_problems(a_model(path, "", entry))) == 1


def test_each_version_of_a_model_is_described() -> None:
    shared = {"name": "a", "description": "A.", "data_type": "bigint"}
    renamed = {"name": "b", "description": "", "data_type": "bigint"}
    entry = {
        "name": "sales",
        "columns": [shared, shared | {"name": "c"}],
        "versions": [{"v": 2, "defined_in": "sales"}, {"v": 1}],
    }
    newer, older = of_each_version(entry)
    assert (newer["name"], older["name"]) == ("sales", "sales_v1")
    assert newer["columns"] == older["columns"] == entry["columns"]
    entry["versions"][1]["columns"] = [{"include": "all", "exclude": ["c"]}, renamed]
    assert of_each_version(entry)[1]["columns"] == [shared, renamed]
    entry["versions"][1]["columns"] = [{"include": ["c"]}]
    assert of_each_version(entry)[1]["columns"] == [shared | {"name": "c"}]


@pytest.mark.parametrize(
    ("name", "is_red"),
    [
        ("test_fct_a__counts_a_late_ticket_once", False),
        ("test_fct_a_counts_a_late_ticket_once", True),
        ("test_fct_b__counts_a_late_ticket_once", True),
        ("test_fct_a__" + "x" * 51, False),
        ("test_fct_a__" + "x" * 52, True),
    ],
)
def test_a_wrong_unit_test_name_is_red(name: str, is_red: bool) -> None:
    assert bool(unit_test_name_problems([{"name": name, "model": "fct_a"}])) is is_red


def test_named_schema_is_red() -> None:
    assert named_schemas("select a from mart_gold.dim_date join ops.load_batches") == [
        "mart_gold.dim_date",
        "ops.load_batches",
    ]
    assert (
        named_schemas("from {{ ref('a') }} as b where b.c is distinct from b.d -- from a.b") == []
    )


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "ghp_" + "a1" * 18,
        "postgres://alice:" + "hunter22@db:5432/o2r",
        "POSTGRES_PASS" + "WORD=hunter2222",
        "  api_" + "key: 'abcdef123456'",
    ],
)
def test_secret_is_red(text: str) -> None:
    assert SECRET.search(text)


@pytest.mark.parametrize(
    "text",
    [
        "POSTGRES_PASSWORD=",
        "password: \"{{ env_var('POSTGRES_PASSWORD', '') }}\"",
        "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?}",
        "postgres://alice:${PASSWORD}@db",
        "input_tokens: int",
    ],
)
def test_reference_to_a_secret_passes(text: str) -> None:
    assert not SECRET.search(text)
