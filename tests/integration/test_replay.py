"""Incremental tables equal their full refresh under every fault, and a difference would be seen."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from tests.engines import build_on, differing_cells
from tests.in_process import put_parsed
from tests.integration.small_project import ROOT, SOURCES, small_project

from o2r.errors import UserError
from o2r.replay import FAULTS, Choices, Report, replay, summary
from o2r.replay.run import FEWEST_DAYS, FULL, INCREMENTAL, compare_targets
from o2r.replay.worker import DbtWorker
from o2r.settings import Settings

END = date(2026, 11, 21)
SMALL = {"end": END, "accounts": 15, "events": 60}

NewDatabase = Callable[[], Settings]


@pytest.fixture(scope="module")
def replayed(new_database: NewDatabase) -> tuple[Settings, Report]:
    """Some days with every fault, and its scratch database."""
    settings = new_database()
    scratch = spared(settings)
    return scratch, replay(settings, Choices(days=FEWEST_DAYS, keep=True, **SMALL), print)


def spared(settings: Settings) -> Settings:
    """The scratch database of a replay, for which dbt need not parse the project anew."""
    scratch = settings.model_copy(update={"database": f"{settings.database}_replay"})
    for target in (INCREMENTAL, FULL):
        put_parsed(scratch, target)
    return scratch


def test_incremental_builds_equal_full_refreshes_under_every_fault(replayed):
    _, report = replayed
    assert report.problems == []
    assert {fault for fault, rows in report.touched.items() if rows} == set(FAULTS)
    assert report.comparison.tables >= 60
    assert report.comparison.cells > 100_000
    assert summary(report)[-1] == "incremental builds and full refreshes are equal"


def test_another_engine_builds_what_the_evenings_left(replayed, engine_name):
    """From files that hold late, corrected, repeated and deleted rows; PostgreSQL built daily."""
    settings, _ = replayed
    build_on(settings, engine_name)
    cells, differing = differing_cells(settings, engine_name)
    assert not differing, "\n".join(map(str, differing))
    assert cells > 100_000


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            "update intermediate_silver.int_revenue_daily set net_revenue = net_revenue + 0.01 "
            "where ctid = (select max(ctid) from intermediate_silver.int_revenue_daily)",
            " net_revenue: incremental ",
        ),
        (
            "delete from intermediate_silver.int_requests "
            "where ctid = (select max(ctid) from intermediate_silver.int_requests)",
            "0 rows incremental, 1 in the full refresh",
        ),
        (
            "insert into mart_gold.dim_account select * from mart_gold.dim_account limit 1",
            "1 rows incremental, 0 in the full refresh",
        ),
    ],
    ids=["a cell", "a row lost", "a row twice"],
)
def test_a_difference_is_reported_with_table_and_key(replayed, query, change, expected):
    settings, _ = replayed
    tables = {"upd": "int_revenue_daily", "del": "int_requests", "ins": "dim_account"}
    before = compare_targets(settings).differences
    query(settings, change)
    (line,) = set(compare_targets(settings).differences) - set(before)
    assert line.startswith(f"{tables[change[:3]]} (")
    assert expected in line


def test_rows_that_replace_as_many_within_one_hour_are_seen(replayed, query):
    """A tool deletes its row and inserts another, with a build in between."""
    settings, _ = replayed
    table = "raw_bronze.inference_user_token_usage_open_source"
    insert = (
        f"insert into {table} (request_id, account_id, model_variant, event_timestamp) "
        "values ('{}', 'a', 'm', '2026-03-01 12:00Z')"
    )
    steps = (
        insert.format("first"),
        f"delete from {table} where request_id = 'first'",
        insert.format("second"),
    )
    with DbtWorker(settings) as dbt:
        for statement in steps:
            query(settings, statement)
            assert dbt.run(["--quiet", "run", "--select", "int_requests"])
    assert query(
        settings,
        "select request_id from intermediate_silver.int_requests "
        "where requested_date = '2026-03-01'",
    ) == [("second",)]


def test_a_filter_newer_than_max_is_found_out(new_database: NewDatabase, tmp_path: Path):
    """In a project of a few models; the others' filters are looked at by the replay above."""
    settings = small_project(tmp_path, new_database(), *SOURCES)
    shutil.copytree(ROOT / "database_scripts", tmp_path / "database_scripts")
    model = tmp_path / "dbt" / "models" / "intermediate" / "billing" / "int_revenue_daily.sql"
    right = "revenue_date in ({{ days_to_build() }})"
    wrong = "revenue_date > (select max(revenue_date) from {{ this }})"
    assert right in model.read_text("utf-8")
    model.write_text(model.read_text("utf-8").replace(right, wrong), "utf-8")
    report = replay(
        settings, Choices(days=FEWEST_DAYS, faults=("late",), marts=False, **SMALL), print
    )
    assert any(
        "int_revenue_daily (" in line and "0 rows incremental" in line for line in report.problems
    )
    assert not any("int_requests" in line for line in report.problems)


def test_a_database_of_that_name_that_no_replay_made_is_left_alone(new_database, query):
    settings = new_database()
    query(settings, f"create database {settings.database}_replay")
    with pytest.raises(UserError, match="was not made by a replay"):
        replay(settings, Choices(days=FEWEST_DAYS, **SMALL), print)
