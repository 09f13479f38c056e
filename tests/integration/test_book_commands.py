"""Every line of docs/book-commands.md, in its order, and what chapter 18 says wrongly of dbt."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from tests.golden.errata import assert_listed
from tests.integration.small_project import ROOT, small_warehouse
from tests.metrics.warehouse import frame
from typer.testing import CliRunner

from o2r.cli.main import app
from o2r.settings import Settings
from o2r.warehouse import connect, environment, locks
from o2r.warehouse.profile import write_profile

ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:4]]
    for line in (ROOT / "docs" / "book-commands.md").read_text().splitlines()
    if line.startswith("| `")
]
COMMANDS = [here.strip("`") for _, here, _ in ROWS]
SOURCE = ("source:inference", "source:inference+1")
EXPOSURE = ("exposure:revenue", "+exposure:revenue")
MORE = {
    "dbt/models/marts/revenue/customer_revenue_monthly.sql": "{{ config(group='finance') }} "
    "select revenue_date from {{ ref('fct_revenue_daily') }}",
    "dbt/models/exposures.yml": "{version: 2, exposures: [{name: revenue, type: dashboard, "
    "owner: {name: finance, email: finance@example.com}, "
    "depends_on: [ref('customer_revenue_monthly')]}]}",
    "dbt/models/marts/core/fct_tickets.yml": "{version: 2, models: [{name: fct_tickets, "
    "columns: [{name: ticket_id, description: A ticket., data_tests: [unique, not_null]}]}], "
    "unit_tests: [{name: test_fct_tickets__all, model: fct_tickets, "
    "given: [{input: ref('stg_tickets'), rows: [{ticket_id: a}]}], "
    "expect: {rows: [{ticket_id: a}]}}]}",
    "dbt/snapshots/plan_tier_snapshot.yml": "{version: 2, snapshots: [{name: plan_tier_snapshot, "
    "relation: ref('fct_tickets'), config: {unique_key: ticket_id, updated_at: created_at}}]}",
}


@pytest.fixture(scope="module")
def laptop(
    new_database: Callable[[], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """A checkout with nothing but `.env`, whose variables are not in the environment."""
    settings = small_warehouse(new_database, tmp_path_factory.mktemp("laptop"))
    project = settings.project
    (project / "dbt" / "seeds").mkdir()
    for name in ("seeds/plan_tiers.csv", "selectors.yml"):
        shutil.copy(ROOT / "dbt" / name, project / "dbt" / name)
    for name, text in MORE.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text + "\n")
    found = environment(settings)
    (project / ".env").write_text(
        "".join(f"{name}={value}\n" for name, value in found.items() if name[:2] == "PO")
    )
    (project / "database_scripts").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("POSTGRES_", "PG", "DBT_", "O2R_")):
                patch.delenv(name)
        patch.setenv("O2R_PROJECT", str(project))
        patch.setenv("USER", "ann.other")
        patch.chdir(project / "dbt")
        assert write_profile(project) == project / "dbt" / "profiles.yml"
        assert CliRunner().invoke(app, ["deps"]).exit_code == 0
        yield settings


def serves(port: str, words: list[str]) -> int:
    """Start the pages of the documentation, read the first one, and stop."""
    command = [sys.executable, "-m", "dbt.cli.main", *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5) as page:
                    return 0 if b"<html" in page.read() else 1
            except OSError:
                time.sleep(0.1)
        return 1
    finally:
        process.terminate()
        process.wait(30)


def run(line: str, state: Path) -> object:
    """Run one line of the page; the result of dbt, or an exit code."""
    program, *words = shlex.split(line.replace("STATE", shlex.quote(str(state))))
    if program == "o2r":
        return CliRunner().invoke(app, words).exit_code
    if words[:2] == ["docs", "serve"]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        return serves(port, [port if word == "8081" else word for word in words])
    if words[0] == "init":
        folder = state.parent / "elsewhere"
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-m", "dbt.cli.main", *words], cwd=folder, stdin=subprocess.DEVNULL
        )
        assert (folder / "project_name" / "dbt_project.yml").is_file()
        return done.returncode
    return dbtRunner(parsed(words)).invoke(words)


PARSED: dict[str, Manifest] = {}


def parsed(words: list[str]) -> Manifest | None:
    """The project as parsed for the target of a command; None for one that has to parse."""
    target = words[words.index("--target") + 1] if "--target" in words else "personal"
    if words[0] in ("parse", "debug", "clean") or {"--vars", "--no-partial-parse"} & set(words):
        return None
    if target not in PARSED:
        PARSED[target] = dbtRunner().invoke(["--quiet", "parse", "--target", target]).result
    return PARSED[target]


def test_every_command_of_chapter_18_runs(laptop: Settings, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    model = laptop.project / "dbt" / "models" / "marts" / "support" / "ticket_totals.sql"
    for line in COMMANDS:
        if "STATE" in line and not (state / "manifest.json").exists():
            for name in ("manifest.json", "run_results.json"):
                shutil.copy(laptop.project / "dbt" / "target" / name, state)
            model.write_text(model.read_text() + "-- changed\n")
            PARSED.clear()
        done = run(line, state)
        code = done if isinstance(done, int) else 0 if done.success else done.exception or 1
        assert code == 0, line
        if line.startswith("dbt ls") and not isinstance(done, int):
            selected = [name for name in done.result if "state:new" not in line]
            assert selected or "state:new" in line or "result:" in line, line
    found = frame(laptop, "select nspname from pg_namespace where nspname like 'dbt\\_%'")
    assert {"dbt_ann_other_mart_gold", "dbt_dev_mart_gold"} <= set(found["nspname"])


def test_dbt_by_hand_and_setup_follow_one_another(laptop: Settings) -> None:
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    command = [sys.executable, "-m", "dbt.cli.main", "run", "--select", "stg_tickets"]
    with connect(laptop) as connection, connection.cursor() as cursor:
        locks.acquire(cursor, locks.SETUP, until_commit=True)
        by_hand = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while not frame(laptop, waiting).iloc[0, 0]:
            assert by_hand.poll() is None, "dbt did not wait for the set-up"
            time.sleep(0.1)
    connection.close()
    assert by_hand.wait() == 0


def test_the_page_names_every_command_of_the_book_once() -> None:
    assert len({book for book, _, _ in ROWS}) == len(ROWS)
    verbs = {shlex.split(line.replace("STATE", "x"))[1] for line in COMMANDS if line[:4] == "dbt "}
    assert verbs == {
        *("init", "debug", "compile", "seed", "run", "build", "test", "snapshot", "source", "ls"),
        *("retry", "docs", "clean", "parse", "run-operation"),
    }


def test_errata_of_chapter_18(laptop: Settings, monkeypatch) -> None:
    def models(*words: str) -> set[str]:
        """What `dbt ls` selects, by name; of models where `words` is a selection only."""
        kind = () if "--resource-type" in words else ("--resource-type", "model")
        command = ["--quiet", "ls", "--output", "name", *kind, "--select", *words]
        done = dbtRunner(parsed(command)).invoke(command)
        return set(done.result or ())

    def first(name: str, selected: set[str], *choices: str) -> str:
        """The first choice that selects just these, with the book's name for what is chosen."""
        chosen = next(choice for choice in choices if models(choice) == selected)
        return chosen.replace(name, "NAME")

    assert CliRunner().invoke(app, ["deps"]).exit_code == 0
    PARSED.clear()
    readers = models("stg_tickets") | models("stg_requests_open_source", "stg_requests_proprietary")
    feeding = {"customer_revenue_monthly", "fct_revenue_daily", "int_revenue_daily"}
    tickets = "int_requests"
    both = models("+int_requests") | models("int_requests+")
    everything = dbtRunner(parsed(["ls"])).invoke(["--quiet", "ls"]).result
    inline = "{% if execute %}{{ run_query('select 41 + 1').columns[0].values()[0] }}{% endif %}"
    with_rows = dbtRunner(parsed(["compile"])).invoke(["compile", "--inline", inline])
    monkeypatch.setenv("POSTGRES_HOST", "127.0.0.1")
    monkeypatch.setenv("POSTGRES_PORT", "1")
    without_database = dbtRunner().invoke(["test", "--select", "test_type:unit"])
    assert_listed(
        "Chapter 18",
        {
            "selects:downstream": (
                "NAME+",
                first(tickets, models("int_requests+"), "int_requests", "int_requests+"),
            ),
            "selects:both_directions": (
                "NAME",
                first(tickets, both, "int_requests", "+int_requests+"),
            ),
            "selects:models_that_read_a_source": (
                "source:NAME",
                first("inference", readers - {"stg_tickets"}, *SOURCE),
            ),
            "selects:models_feeding_an_exposure": (
                "exposure:NAME",
                first("revenue", feeding | models("+int_revenue_daily"), *EXPOSURE),
            ),
            "ls_lists": (
                "models",
                "models"
                if {name.split(".")[0] for name in everything} == {"o2r"}
                and not any(
                    name.startswith(("source:", "exposure:", "unit_test:")) for name in everything
                )
                else "every resource",
            ),
            "unit_tests_need_a_database": ("no", "no" if without_database.success else "yes"),
            "jinja_reads_rows": (
                "no",
                "yes" if with_rows.result.results[0].node.compiled_code == "42" else "no",
            ),
        },
    )
