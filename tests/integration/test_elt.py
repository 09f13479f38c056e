"""docs/elt.md: Zendesk through dlt (examples/dlt) twice, into bronze by the loader, into gold."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from tests.integration.tool_exports import END, EXAMPLE, ROOT, judged_tickets, rows
from tests.metrics.warehouse import execute, frame, run_models

from o2r.bronze.loader import BatchResult, Replace, load, to_replace
from o2r.settings import Settings
from o2r.warehouse.query import run_sql, write_csv

PIPELINE = EXAMPLE.parent / "dlt" / "pipeline.py"
CHANGED, DELETED, REPEATED, NEW = 3, 8, 5, 31
LISTS = ("tickets", "ticket_metrics", "satisfaction_ratings")


def later() -> dict[str, list[dict]]:
    """What the API gives later: a change, a deletion, a repetition, a new ticket, new columns."""
    tickets = {one["id"]: one for one in rows("zendesk/tickets.json", "tickets")}
    metrics = {one["ticket_id"]: one for one in rows("zendesk/ticket_metrics.json")}
    stamps = ("created_at", "updated_at")
    when, more = "2025-12-30T10:00:00Z", {"sentiment": 0.5, "custom": {"plan": ["Pro", 'a "b" \\']}}
    return {
        "tickets": [
            tickets[CHANGED] | {"status": "solved", "priority": "low", "updated_at": when} | more,
            tickets[DELETED] | {"status": "deleted", "updated_at": when},
            tickets[REPEATED],
            tickets[1] | {"id": NEW, "status": "open"} | dict.fromkeys(stamps, when) | more,
        ],
        "ticket_metrics": [
            metrics[CHANGED] | {"solved_at": when, "updated_at": when},
            metrics[REPEATED],
            metrics[1] | {"id": 131, "ticket_id": NEW, "solved_at": None, "updated_at": when},
        ],
    }  # fmt: skip


def write(lists: dict[str, list[dict]], folder: Path) -> Path:
    folder.mkdir()
    for name, found in lists.items():
        (folder / f"{name}.json").write_text(json.dumps({name: found}))
    return folder


def environ_of(settings: Settings) -> dict[str, str]:
    return {**os.environ, "O2R_HOME": str(settings.home), "POSTGRES_DB": settings.database}


@pytest.fixture(scope="module")
def pipeline(server: Settings) -> Callable[..., subprocess.CompletedProcess]:
    """Run examples/dlt/pipeline.py in a database."""

    def run(settings: Settings, api: Path, exports: Path) -> subprocess.CompletedProcess:
        command = [sys.executable, "-B", str(PIPELINE), str(api), str(exports)]
        return subprocess.run(command, env=environ_of(settings), capture_output=True, text=True)

    return run


@pytest.fixture(scope="module")
def twice(
    new_database: Callable[[], Settings], pipeline: Callable, tmp_path_factory
) -> tuple[Settings, Path, list[list[BatchResult]]]:
    """Two runs: (warehouse with gold, folder, what each load did)."""
    settings = new_database().model_copy(update={"as_of": (END - pd.Timedelta(days=1)).date()})
    folder = tmp_path_factory.mktemp("elt")
    exports, done = folder / "exports", []
    for gone, api in enumerate((EXAMPLE / "zendesk", write(later(), folder / "later")), start=1):
        run = pipeline(settings, api, exports)
        assert run.returncode == 0, run.stderr
        assert f"tickets: 29 rows, {gone} more deleted at the source" in run.stdout
        (exports / "sla_targets.csv").write_bytes((EXAMPLE / "sla_targets.csv").read_bytes())
        done.append(load(exports, tools=["zendesk"], settings=settings))
    deleted = f"select 1 from raw_bronze.support_tickets where ticket_id = '{DELETED}'"
    assert len(frame(settings, deleted)) == 1  # a load takes nothing away
    replace = Replace(
        frozenset(one.batch_id for one in to_replace(exports, tools=["zendesk"], settings=settings))
    )
    done.append(load(exports, tools=["zendesk"], replace=replace, settings=settings))
    assert frame(settings, deleted).empty
    run_models(settings, "--select", "+fct_tickets")
    return settings, folder, done


def of_tickets(results: list[BatchResult]) -> tuple[int, int, int, int]:
    [one] = [one for one in results if one.table == "support_tickets"]
    return one.received, one.inserted, one.duplicate, one.quarantined


def test_what_comes_again_is_known_and_what_changed_is_a_version(twice: tuple) -> None:
    first, second, replaced = map(of_tickets, twice[2])
    assert first == (29, 28, 0, 1)  # one was deleted before, one is of no organization
    assert second == (29, 2, 26, 1)  # one more is deleted, one is new
    assert replaced == (29, 28, 0, 1)


def test_the_tool_lands_all_of_it_and_bronze_has_none_of_its_columns(twice: tuple) -> None:
    settings = twice[0]
    landed = frame(
        settings,
        "select id, count(*) as n, count(distinct _dlt_load_id) as loads, max(sentiment) as more "
        "from landing_zendesk.tickets group by 1",
    ).set_index("id")
    assert landed["n"].sum() == 30 + 4
    assert landed.loc[[CHANGED, DELETED, REPEATED], "loads"].to_list() == [2, 2, 2]
    assert landed.loc[NEW, "more"] == 0.5
    columns = frame(
        settings,
        "select table_schema, column_name from information_schema.columns "
        "where column_name like '\\_dlt%' or column_name = 'sentiment'",
    )
    assert set(columns["table_schema"]) <= {"landing_zendesk", "landing_zendesk_staging"}
    arrived = frame(
        settings,
        "select bool_and(tickets.loaded_at = batches.loaded_at) as own "
        "from raw_bronze.support_tickets as tickets "
        "inner join ops.load_batches as batches using (batch_id)",
    )
    assert arrived["own"].item()


def test_numbers_are_those_of_what_the_source_holds(twice: tuple) -> None:
    settings, folder, _ = twice
    keys = {"tickets": "id", "ticket_metrics": "ticket_id"}
    now = {}
    for name, key in keys.items():
        found = {one[key]: one for one in rows(f"zendesk/{name}.json", name)}
        now[name] = list((found | {one[key]: one for one in later()[name]}).values())
    expected = judged_tickets(write(now, folder / "now"))
    gold = frame(
        settings,
        "select ticket_id, sla_state, not is_open as is_resolved, priority, "
        "first_response_hours::float as answered from mart_gold.fct_tickets",
    ).set_index("ticket_id")
    assert set(gold.index) == set(expected.index)
    gold = gold.reindex(expected.index)
    assert gold["sla_state"].to_list() == expected["sla"].to_list()
    assert gold["is_resolved"].to_list() == expected["is_resolved"].to_list()
    assert gold["priority"].to_list() == expected["priority"].to_list()
    assert gold["answered"].to_list() == pytest.approx(
        expected["answered"].to_list(), nan_ok=True, abs=1e-5
    )
    assert gold.loc[str(CHANGED), "sla_state"] == "breached"
    assert str(DELETED) not in gold.index
    assert str(NEW) in gold.index


def test_the_query_of_the_page_gives_the_same_rows(twice: tuple, tmp_path: Path) -> None:
    """As CSV with JSON as text: how rows of other tools go to the door."""
    settings, folder, _ = twice
    page = (ROOT / "docs" / "elt.md").read_text(encoding="utf-8")
    [query] = re.findall(r'o2r sql --csv "([^"]*)" > exports/zendesk/tickets.csv', page)
    zendesk = tmp_path / "zendesk"
    shutil.copytree(folder / "exports" / "zendesk", zendesk)
    (zendesk / "tickets.jsonl").unlink()
    with (zendesk / "tickets.csv").open("w") as file:
        write_csv(run_sql(settings, query), file)
    results = load(tmp_path, tools=["zendesk"], settings=settings)
    assert of_tickets(results) == (29, 0, 28, 1)


def test_a_run_that_fails_hands_nothing_over_and_one_that_was_killed_is_finished(
    twice: tuple, pipeline: Callable
) -> None:
    settings, folder, _ = twice
    file = folder / "exports" / "zendesk" / "tickets.jsonl"
    before = file.read_text()
    broken = {"_dlt_id": "broken", "_dlt_load_id": "broken", "status": "deleted"}
    execute(
        settings,
        "insert into landing_zendesk.tickets select (jsonb_populate_record(tickets, "
        f"'{json.dumps(broken)}')).* from landing_zendesk.tickets as tickets where id = {NEW}",
    )
    strange = [later()["tickets"][0] | {"organization_id": "unknown"}]
    run = pipeline(settings, write({"tickets": strange}, folder / "strange"), folder / "exports")
    assert run.returncode == 1
    [line] = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert "organization_id" in line
    assert "Traceback" not in run.stderr
    assert file.read_text() == before

    lost = [tickets | {"id": 77} for tickets in later()["tickets"][-1:]]
    killed = write({"tickets": lost}, folder / "killed") / "tickets.json"
    extract = f"open_pipeline(load_settings()).extract(resource('tickets', Path('{killed}')))"
    command = [sys.executable, "-B", "-c", f"from pipeline import *; {extract}"]
    subprocess.run(
        command, cwd=PIPELINE.parent, env=environ_of(settings), check=True, capture_output=True
    )
    run = pipeline(settings, write({"tickets": []}, folder / "nothing"), folder / "exports")
    assert run.returncode == 0, run.stderr
    added = set(file.read_text().splitlines()) - set(before.splitlines())
    assert [json.loads(line)["id"] for line in added] == [77]
