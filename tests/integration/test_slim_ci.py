"""`o2r ci` builds what a change touches, in schemas of its own, and never writes production.

What it selects and builds of the whole project is seen there; what else it does, on a small one.
"""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.in_process import dbt_in_process, put_parsed
from tests.integration.small_project import small_warehouse
from tests.metrics.warehouse import chapter12_gold, clone
from typer.testing import CliRunner

from o2r.builds import slim_ci
from o2r.builds.manifests import save_manifest
from o2r.builds.run import build, parse_manifest, work_dir
from o2r.builds.state import everything_because
from o2r.cli.main import app
from o2r.errors import UserError
from o2r.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
MODEL = "dbt/models/marts/core/fct_tickets.sql"
BUILDABLE = ("model", "seed", "snapshot", "test", "unit_test")
WHOLE_PROJECT_TESTS = {
    f"test.o2r.{path.stem}"
    for path in (ROOT / "dbt" / "tests" / "singular").glob("*.sql")
    if "mart_models(" in path.read_text()
}


class Production:
    """A database with production built, its saved manifest, and a copy of the project to change.

    original: what the copied folder `dbt` is put back to.
    """

    def __init__(
        self,
        settings: Settings,
        state: Path,
        query: Callable[..., list[tuple]],
        original: Path,
    ) -> None:
        self.settings, self.state, self._query = settings, state, query
        self._original = original
        self.said: list[str] = []

    @property
    def manifest(self) -> dict:
        return json.loads((self.state / "manifest.json").read_text())

    def sql(self, statement: str) -> list[tuple]:
        return self._query(self.settings, statement)

    def change(self, path: str, edit: Callable[[str], str]) -> None:
        file = self.settings.project / path
        before = file.read_text() if file.exists() else ""
        file.write_text(edit(before))
        assert file.read_text() != before

    def restore(self) -> None:
        for path in self._original.iterdir():
            if path.name not in ("dbt_packages", "package-lock.yml"):
                copy(path, self.settings.dbt_dir / path.name)

    def ci(self, **choices: object) -> None:
        self.said.clear()
        slim_ci.run(self.settings, self.said.append, **{"state": self.state, **choices})

    def results(self, name: str) -> dict[str, str]:
        """Status by node of the last build of a CI run."""
        path = work_dir(self.settings, f"dbt_ci_{name}") / "target" / "run_results.json"
        return {r["unique_id"]: r["status"] for r in json.loads(path.read_text())["results"]}

    def schemas(self) -> list[str]:
        return [
            name
            for (name,) in self.sql(
                "select nspname from pg_namespace where nspname like 'dbt%' order by 1"
            )
        ]

    def fingerprint(self) -> list[tuple]:
        """What every table and view of production is stored as, and the newest row in it."""
        tables = self.sql(
            "select nspname, relname, relkind, relfilenode, c.xmin::text "
            "from pg_class c join pg_namespace n on n.oid = relnamespace "
            "where nspname !~ '^(dbt|pg_|information)' and relkind in ('r', 'v') order by 1, 2"
        )
        assert {"mart_gold", "staging_silver", "raw_bronze"} <= {t[0] for t in tables}
        return [
            (*table, *self.sql(f"select count(*), max(xmin::text::bigint) from {table[0]}.{name}"))
            for table in tables
            if table[2] == "r"
            for name in [table[1]]
        ] + tables

    def below(self, *roots: str) -> set[str]:
        """The roots and everything that depends on them, of what can be built."""
        children = self.manifest["child_map"]
        found, waiting = set(), list(roots)
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += children[node]
        return {node for node in found if node.split(".")[0] in BUILDABLE}


def copy(source: Path, to: Path) -> None:
    if source.is_file():
        shutil.copy2(source, to)
        return
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(source, to, ignore=shutil.ignore_patterns("target", "logs"))


BELOW_SCORES = [
    *("cs_score_account", "driver_account_week", "o2r_account_week", "o2r_driver_accounts"),
    *("o2r_driver_links", "o2r_driver_map", "o2r_signal_chain", "satisfaction_watch"),
]
"""Marts that read cs_score_account, and itself."""


@pytest.fixture(scope="module", autouse=True)
def _in_process() -> Iterator[None]:
    with dbt_in_process():
        yield


@pytest.fixture(scope="module")
def built(new_database, query, tmp_path_factory) -> Production:
    folder = tmp_path_factory.mktemp("slim-ci")
    settings = small_warehouse(new_database, folder / "project")
    copy(settings.dbt_dir, folder / "original")
    build(settings, quiet=True, manifest_dir=folder / "state")
    return Production(settings, folder / "state", query, folder / "original")


@pytest.fixture(scope="module")
def built_whole(new_database, query, tmp_path_factory) -> Production:
    """The whole project on the book's data."""
    folder = tmp_path_factory.mktemp("slim-ci-whole")
    copy(ROOT / "dbt", folder / "project" / "dbt")
    gold = clone(chapter12_gold(new_database), "slim_ci")
    settings = gold.model_copy(update={"project": folder / "project"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("O2R_COMMIT", "a" * 40)
        parse_manifest(settings, folder / "state")
    return Production(settings, folder / "state", query, ROOT / "dbt")


def unchanged(built: Production) -> Iterator[Production]:
    """Production, which must be found at the end as it was, without anything beside it."""
    before = built.fingerprint(), built.sql("select * from ops.builds")
    yield built
    built.restore()
    assert (built.fingerprint(), built.sql("select * from ops.builds")) == before
    assert built.schemas() == []


@pytest.fixture
def production(built: Production) -> Iterator[Production]:
    yield from unchanged(built)


@pytest.fixture
def whole(built_whole: Production) -> Iterator[Production]:
    yield from unchanged(built_whole)


@pytest.fixture
def only_select(monkeypatch) -> list[list[str]]:
    """Let `o2r ci` select, but not build; give the arguments of the builds left out."""
    left_out, dbt = [], slim_ci.dbt

    def stub(settings: Settings, arguments: list[str], *rest: object, **options: object) -> int:
        if "build" in arguments:
            left_out.append(arguments)
            return 0
        return dbt(settings, arguments, *rest, **options)

    monkeypatch.setattr(slim_ci, "dbt", stub)
    return left_out


def selected(said: list[str]) -> set[str]:
    return {line.strip() for line in said if line.startswith("  ")}


def test_one_changed_model_is_built_with_all_that_depends_on_it(whole):
    whole.change(
        "dbt/models/marts/customer/cs_score_account.sql",
        lambda text: text.rstrip() + "\nwhere true\n",
    )
    whole.ci(name="one", keep=True)
    expected = whole.below("model.o2r.cs_score_account")
    assert {node for node in expected if node.startswith("model.")} == {
        f"model.o2r.{name}" for name in BELOW_SCORES
    }
    expected |= WHOLE_PROJECT_TESTS
    results = whole.results("one")
    built = {node: status for node, status in results.items() if node.split(".")[0] in BUILDABLE}
    assert built.keys() == expected
    assert set(built.values()) == {"success", "pass"}
    assert selected(whole.said) == expected
    in_ci = [
        name for (name,) in whole.sql(
            "select table_name from information_schema.tables "
            "where table_schema = 'dbt_ci_one_mart_gold' order by 1"
        )
    ]  # fmt: skip
    assert in_ci == BELOW_SCORES
    same = "select * from {}.cs_score_account order by 1, 2, 3"
    assert whole.sql(same.format("dbt_ci_one_mart_gold")) == whole.sql(same.format("mart_gold"))

    made = whole.schemas()
    assert slim_ci.clean(whole.settings, older_than_days=1) == []
    assert slim_ci.clean(whole.settings, name="on") == []
    assert slim_ci.clean(whole.settings, older_than_days=0) == made


def test_a_failing_model_fails_the_run_and_leaves_nothing(production, capfd):
    production.change(MODEL, lambda text: text.rstrip() + "\nwhere 1 / 0 = 1\n")
    with pytest.raises(UserError, match="the CI build failed"):
        production.ci(name="one")
    assert "division by zero" in capfd.readouterr().out
    assert "error" in production.results("one").values()
    assert production.said[-1] == (
        "dropped: dbt_ci_one_intermediate_silver, dbt_ci_one_mart_gold, dbt_ci_one_staging_silver"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(production, environ, number):
    production.change(
        MODEL, lambda text: text.rstrip() + "\nwhere (select pg_sleep(300)) is not null\n"
    )
    process = command(production, environ, "one", "--schema", "one")
    sleeping = (
        "select pid from pg_stat_activity "
        "where datname = current_database() and wait_event = 'PgSleep'"
    )
    try:
        wait_until(lambda: production.sql(sleeping))
        assert production.schemas() != []
        process.send_signal(number)
        output, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode != 0
    assert "dropped: dbt_ci_one_intermediate_silver" in output
    wait_until(lambda: not production.sql(sleeping))


def test_two_runs_at_once_do_not_meet(production, environ):
    production.change(MODEL, lambda text: text.rstrip() + "\nwhere true\n")
    runs = [
        command(production, environ, "pr7", GITHUB_REF="refs/pull/7/merge"),
        command(production, environ, "pr7_again", "--schema", "pr7_again"),
    ]
    outputs = [run.communicate(timeout=900)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    expected = production.below("model.o2r.fct_tickets")
    for name, output in zip(("pr7", "pr7_again"), outputs, strict=True):
        assert selected(output.splitlines()) == expected
        assert set(production.results(name)) >= expected
        assert f"dropped: dbt_ci_{name}_intermediate_silver, dbt_ci_{name}_mart_gold" in output


def test_what_changes_no_result_is_not_built(production, only_select):
    production.ci(name="one")
    assert production.said == ["nothing to build: no change"]
    production.change(MODEL, lambda text: text + "\n\n")
    production.change(
        "dbt/models/marts/exposures.yml",
        lambda _: (
            "exposures: [{name: report, type: dashboard, owner: {email: a@b.example}, "
            "depends_on: [ref('ticket_totals')]}]"
        ),
    )
    production.ci(name="one")
    assert [line.split(":")[0] for line in production.said] == ["nothing to build"]
    assert only_select == []


def test_changes_outside_of_models_select_what_they_touch(whole, only_select):
    changes = {
        "dbt/macros/engines/postgres.sql": (
            lambda text: re.sub(r"(macro default__iso_week\(day\) -%\})", r"\1/* */", text),
            "model.o2r.dim_date",
        ),
        "dbt/tests/fixtures/revenue_summary__145_active_accounts.csv": (
            lambda text: text.replace("1", "2"),
            "unit_test.o2r.revenue_summary.test_revenue_summary__arpa_of_the_worked_example",
        ),
        # the clock of its feed decides on the periods of every mart
        "dbt/models/staging/capacity/_sources.yml": (
            lambda text: text.replace("count: 12", "count: 13", 1),
            "source.o2r.capacity.resource_accelerator_inventory",
        ),
        "dbt/seeds/driver_map.csv": (
            lambda text: text.replace(",GTM,", ",GTM2,", 1),
            "seed.o2r.driver_map",
        ),
        "dbt/tests/singular/assert_new.sql": (
            lambda _: "select * from {{ ref('dim_product') }} where 1 = 2",
            "test.o2r.assert_new",
        ),
    }
    expected = {"test.o2r.assert_new", *WHOLE_PROJECT_TESTS}
    for path, (edit, roots) in changes.items():
        whole.change(path, edit)
        if "assert_new" not in roots:
            touched = whole.below(*roots.split())
            assert touched - expected
            expected |= touched
    whole.ci(name="one")
    assert selected(whole.said) == expected
    assert [arguments[-2:] for arguments in only_select] == [["--defer", "--favor-state"]]


def test_a_macro_that_dbt_calls_by_itself_touches_everything(production):
    old = production.manifest
    assert everything_because(old, old) == []
    new = production.manifest
    new["macros"]["macro.o2r.grant_schema_usage"]["macro_sql"] += "{# other #}"
    new["nodes"]["operation.o2r.o2r-on-run-end-0"]["raw_code"] += ";"
    project = new["metadata"]["env"]["O2R_PROJECT"].replace("_months: 24", "_months: 25")
    new["metadata"]["env"]["O2R_PROJECT"] = project + "quoting: {schema: true}\n"
    assert everything_because(old, new) == [
        "macro grant_schema_usage",
        "hooks of dbt_project.yml",
        "quoting of dbt_project.yml",
        "vars of dbt_project.yml",
    ]
    del new["macros"]["macro.o2r.generate_schema_name"]
    assert "macro generate_schema_name" in everything_because(old, new)


def test_a_run_that_would_write_elsewhere_is_refused(production, only_select):
    production.change(
        "dbt/macros/generate_schema_name.sql",
        lambda text: text.replace("target.name in ('prod', 'duckdb', 'spark')", "true"),
    )
    with pytest.raises(UserError, match=r"writes to .*mart_gold.*, which is not dbt_ci_one_"):
        production.ci(name="one")
    assert only_select == []


def test_a_schema_of_somebody_else_is_left_alone(production, only_select):
    production.sql("create schema dbt_ci_one_mart_gold")
    try:
        with pytest.raises(UserError, match="dbt_ci_one_mart_gold exists and is not of `o2r ci`"):
            production.ci(name="one", state=None)
        assert production.schemas() == ["dbt_ci_one_mart_gold"]
    finally:
        production.sql("drop schema dbt_ci_one_mart_gold")
    assert only_select == []


def test_a_relation_that_production_lacks_is_named(production, only_select, tmp_path):
    text = (production.state / "manifest.json").read_text()
    gone = text.replace(r"\"staging_silver\".\"stg_tickets\"", r"\"staging_silver\".\"stg_gone\"")
    assert gone != text
    (tmp_path / "manifest.json").write_text(gone)
    production.change(MODEL, lambda text: text.rstrip() + "\nwhere true\n")
    with pytest.raises(UserError, match=r"production lacks 1 of .*staging_silver\.stg_gone: build"):
        production.ci(name="one", state=tmp_path)
    assert only_select == []


def test_a_first_run_without_a_manifest_builds_everything(production):
    production.ci(name="first", state=None)
    assert production.said[0] == "no --state, so this is a first run: everything is built"
    path = work_dir(production.settings, "dbt_ci_first") / "target" / "manifest.json"
    manifest = json.loads(path.read_text())
    everything = {k for k in manifest["nodes"] | manifest["unit_tests"] if "operation" not in k}
    assert len(everything) > 10
    assert everything <= set(production.results("first"))


UNUSABLE = {
    r"cannot read .*manifest\.json \(No such file or directory\)": None,
    "is not JSON, or only a part of it": lambda text: text[:-1000],
    "was not written by dbt": lambda text: "[]",
    "is not a manifest of dbt": lambda text: '{"metadata": {}}',
    r"was written by dbt 1\.2\.0, this is 1\.": lambda text: edit(text, dbt_version="1.2.0"),
    "is of dbt project 'shop', not o2r": lambda text: edit(text, project_name="shop"),
    "was not saved by `o2r build --save-manifest`": lambda text: edit(text, env={}),
    "is of database x": lambda text: text.replace('"database": "', '"database": "x'),
}


def test_a_manifest_that_cannot_be_used_fails_the_run(production, environ, tmp_path):
    good = (production.state / "manifest.json").read_text()
    runner = CliRunner(env=environ(production.settings))
    for message, content in UNUSABLE.items():
        if content:
            (tmp_path / "manifest.json").write_text(content(good))
        done = runner.invoke(app, ["ci", "--state", str(tmp_path), "--schema", "one"])
        assert done.exit_code == 1
        assert re.fullmatch(rf"error: .*{message}.*\n", done.output)


def edit(text: str, **metadata: object) -> str:
    manifest = json.loads(text)
    manifest["metadata"] |= metadata
    return json.dumps(manifest)


def test_only_a_complete_build_of_production_leaves_a_manifest(production, tmp_path):
    with pytest.raises(UserError, match="only target prod has a manifest to save, not dev"):
        build(production.settings, "dev", manifest_dir=tmp_path)
    target = tmp_path / "target"
    copy(work_dir(production.settings, "prod") / "target", target)
    (tmp_path / "manifest.json").write_text("the one before")
    results = json.loads((target / "run_results.json").read_text())
    results["results"] = [
        result for result in results["results"] if "ticket_totals" not in result["unique_id"]
    ]
    (target / "run_results.json").write_text(json.dumps(results))
    with pytest.raises(UserError, match=r"manifest not saved: the build was partial \(1 "):
        save_manifest(target, tmp_path, {})
    assert (tmp_path / "manifest.json").read_text() == "the one before"
    assert [path.name for path in production.state.iterdir()] == ["manifest.json"]
    assert production.manifest["metadata"]["env"].keys() == {"O2R_COMMIT", "O2R_PROJECT"}


def command(
    production: Production, environ: Callable, name: str, *arguments: str, **variables: str
):
    """Start `o2r ci` as a process of its own; name: that of its schemas."""
    put_parsed(production.settings, "ci", prefix=f"dbt_ci_{name}")
    return subprocess.Popen(
        [
            *(sys.executable, "-c", "from o2r.cli.main import app; app()", "ci"),
            *("--state", str(production.state), *arguments),
        ],
        env={
            **environ(production.settings),
            "O2R_PROJECT": str(production.settings.project),
            **variables,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)


def test_a_production_built_elsewhere_has_the_same_manifest(production, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="the project is not exactly a commit"):
        parse_manifest(production.settings, tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("O2R_COMMIT", "a" * 40)
    before = production.fingerprint()
    parse_manifest(production.settings, tmp_path)
    assert production.fingerprint() == before
    found = json.loads((tmp_path / "manifest.json").read_text())
    assert found["metadata"]["env"]["O2R_COMMIT"] == "a" * 40
    for part in ("relation_name", "checksum", "unrendered_config"):
        assert {key: node.get(part) for key, node in found["nodes"].items()} == {
            key: node.get(part) for key, node in production.manifest["nodes"].items()
        }
    production.ci(name="elsewhere", state=tmp_path)
    assert production.said == ["nothing to build: no change"]
