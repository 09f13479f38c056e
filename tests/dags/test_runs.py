"""DAG runs in a real Airflow (scheduler, workers, API) on a real warehouse, in this order.

What a DAG calls is the command itself; only the models are few (tests/dags/o2r_small.py).
"""

import os
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import psutil
import pytest
from tests.dags.o2r_small import FEW

from o2r import scheduler
from o2r.bronze.loader import load
from o2r.demo import yesterday
from o2r.replay.run import compare_targets
from o2r.scheduler.home import folder_of
from o2r.scheduler.processes import noted
from o2r.transform import dbt

TICKET = (
    "ticket_id,account_id,created_at,priority,category,status,last_updated\n"
    "{},acc-00001,2026-10-01,p3,other,open,2026-10-01\n"
)


@pytest.fixture
def state(query, dag_warehouse):
    """Everything that tells whether production was touched: builds, and rows of a table."""

    def read():
        builds = query(dag_warehouse, "select count(*) from ops.builds where target = 'prod'")
        rows = query(
            dag_warehouse,
            "select md5(string_agg(r::text, '' order by r::text)) "
            "from intermediate_silver.int_requests as r",
        )
        return builds, rows

    return read


def test_production_is_built_and_a_second_build_waits_for_it(airflow, query, dag_warehouse):
    """Two DAGs that build one target, triggered at once: one slot, one build at a time."""
    first = airflow.trigger("pipeline_daily")
    second = airflow.trigger("silver_layer_staging")
    assert airflow.end("pipeline_daily", first) == "success"
    assert airflow.end("silver_layer_staging", second) == "success"
    assert airflow.states("pipeline_daily", first) == {
        "source_freshness": "success",
        "backfill": "skipped",
        "publish": "success",
        "documentation": "success",
    }
    builds = [
        airflow.tasks("pipeline_daily", first)["publish"],
        airflow.tasks("silver_layer_staging", second)["silver"],
    ]
    earlier, later = sorted(builds, key=lambda task: task["start_date"])
    assert earlier["end_date"] <= later["start_date"]
    noted_builds = query(dag_warehouse, "select 1 from ops.builds where target = 'prod'")
    assert len(noted_builds) >= 2  # gold may have followed already
    built = query(dag_warehouse, "select count(*) from intermediate_silver.int_requests")
    assert built[0][0] > 100
    manual = airflow.ask("get", f"/api/v2/dags/pipeline_daily/dagRuns/{first}")
    assert manual["logical_date"] is None


def test_gold_follows_silver(airflow):
    """The build of silver in the test before has told so (asset). No more of it in later tests."""
    deadline = time.monotonic() + 60
    path = "/api/v2/dags/gold_layer_marts/dagRuns"
    while not (found := airflow.ask("get", path)["dag_runs"]):
        assert time.monotonic() < deadline
        time.sleep(1)
    [run] = found
    assert run["run_type"] == "asset_triggered"
    assert airflow.end("gold_layer_marts", run["dag_run_id"]) == "success"
    airflow.ask("patch", "/api/v2/dags/gold_layer_marts", {"is_paused": True})


@pytest.fixture
def stale(query, dag_warehouse):
    """One source has not delivered for 60 days."""
    query(
        dag_warehouse,
        "update raw_bronze.support_tickets set loaded_at = loaded_at - interval '60 days'",
    )
    yield
    query(
        dag_warehouse,
        "update raw_bronze.support_tickets set loaded_at = loaded_at + interval '60 days'",
    )


@pytest.mark.usefixtures("stale")
def test_a_stale_source_stops_the_build_and_is_reported(airflow, state, alerts):
    before = state()
    run = airflow.trigger("pipeline_daily")
    assert airflow.end("pipeline_daily", run) == "failed"
    states = airflow.states("pipeline_daily", run)
    assert states["source_freshness"] == "failed"
    assert states["publish"] == states["documentation"] == "upstream_failed"
    log = airflow.log("pipeline_daily", run, "source_freshness", attempt=2)
    assert "a source is stale or cannot be read, so nothing is built" in log
    assert "task_failed" in log
    assert state() == before
    [alert] = [alert for alert in alerts if alert["run_id"] == run]
    assert (alert["event"], alert["task_id"]) == ("task_failed", "source_freshness")
    assert "a source is stale" in alert["text"]


def test_a_failing_test_of_the_data_fails_the_task(airflow, query, dag_warehouse):
    query(
        dag_warehouse,
        "insert into raw_bronze.support_tickets (ticket_id, account_id, created_at, resolved_at, "
        "priority, category, status, last_updated) select 'impossible', account_id, created_at, "
        "created_at - interval '1 hour', priority, category, 'resolved', last_updated "
        "from raw_bronze.support_tickets limit 1",
    )
    run = airflow.trigger("silver_layer_staging")
    try:
        assert airflow.end("silver_layer_staging", run) == "failed"
        assert airflow.tasks("silver_layer_staging", run)["silver"]["try_number"] == 2
        log = airflow.log("silver_layer_staging", run, "silver", attempt=2)
        assert "stg_tickets_resolved_not_before_created" in log
        assert "dbt build of target prod failed" in log
    finally:
        query(
            dag_warehouse,
            "delete from raw_bronze.support_tickets where ticket_id = 'impossible'",
        )


def test_a_killed_task_is_tried_again(airflow, hold):
    hold.touch()
    try:
        run = airflow.trigger("silver_layer_staging")
        command = waiting_build()
        command.parent().kill()
        command.kill()
    finally:
        hold.unlink()
    assert airflow.end("silver_layer_staging", run) == "success"
    assert airflow.tasks("silver_layer_staging", run)["silver"]["try_number"] == 2


def waiting_build() -> psutil.Process:
    """The command of a build that is held back; its parent is the process of its task."""
    script = str(Path(__file__).with_name("o2r_small.py"))
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if script in words and "build" in words:
                return process
        time.sleep(0.2)
    raise AssertionError("no build has begun")


def test_days_that_are_built_again_equal_a_full_refresh(airflow, query, dag_warehouse):
    """Seven days of production are damaged; a backfill of just these days mends them."""
    last = yesterday() - timedelta(days=2)
    first = last - timedelta(days=6)
    dbt(dag_warehouse, ["--quiet", "build", *FEW, "--full-refresh"], "dev")
    assert not compare_targets(dag_warehouse, marts=False).differences
    damage(query, dag_warehouse, first, last)
    assert compare_targets(dag_warehouse, marts=False).differences
    run = airflow.trigger("pipeline_daily", **{"from": str(first), "to": str(last)})
    assert airflow.end("pipeline_daily", run) == "success"
    assert airflow.states("pipeline_daily", run)["backfill"] == "success"
    assert not compare_targets(dag_warehouse, marts=False).differences


def damage(query, warehouse, first: date, last: date) -> None:
    """Lose rows and alter others in tables of production."""
    span = f"between '{first}' and '{last}'"
    query(
        warehouse,
        "delete from intermediate_silver.int_requests where request_id in (select request_id from "
        f"intermediate_silver.int_requests where requested_date {span} limit 5); "
        "update intermediate_silver.int_revenue_daily set net_revenue = net_revenue + 1 "
        f"where revenue_date {span}",
    )


def test_days_that_are_none_are_refused(airflow):
    run = airflow.trigger("pipeline_daily", **{"from": "2026-11-07", "to": "2026-11-01"})
    assert airflow.end("pipeline_daily", run) == "failed"
    log = airflow.log("pipeline_daily", run, "backfill")
    assert "the last day, 2026-11-01, is before the first, 2026-11-07" in log
    assert airflow.states("pipeline_daily", run)["publish"] == "upstream_failed"


def test_a_bad_file_is_reported_and_the_others_are_loaded(airflow, query, dag_warehouse):
    landing = dag_warehouse.landing
    landing.mkdir(exist_ok=True)
    first = landing.with_name("support_tickets__first.csv")
    first.write_text(TICKET.format("first"))
    load(first, settings=dag_warehouse, mix=True)  # files beside the simulated company
    (landing / "what_is_this.csv").write_text("a,b\n1,2\n")
    (landing / "support_tickets__new.csv").write_text(TICKET.format("landed"))
    run = airflow.trigger("load_bronze_files")
    assert airflow.end("load_bronze_files", run) == "failed"
    assert airflow.states("load_bronze_files", run)["report"] == "failed"
    runs = airflow.ask("get", "/api/v2/dags/load_bronze_files/dagRuns")["dag_runs"]  # one by cron?
    announced = [airflow.states("load_bronze_files", r["dag_run_id"])["announce"] for r in runs]
    assert announced.count("success") == 1
    assert "what_is_this.csv" in airflow.log("load_bronze_files", run, "report")
    found = "select status from raw_bronze.support_tickets where ticket_id = 'landed'"
    assert query(dag_warehouse, found) == [("open",)]


def test_what_airflow_writes_is_private(airflow, dag_warehouse):
    folder = folder_of(dag_warehouse)
    assert folder.path.stat().st_mode & 0o077 == 0
    secrets = [*folder.path.glob("*.secret"), folder.passwords]
    assert len(secrets) == 4
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in secrets)
    assert len((folder.path / "jwt.secret").read_bytes()) >= 64


def test_a_second_start_says_where_the_first_one_is(airflow, dag_warehouse, environ):
    again = subprocess.run(
        [Path(sys.executable).with_name("o2r"), "airflow", "up"],
        env=environ(dag_warehouse), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert airflow.url in again.stdout


def test_what_a_killed_airflow_left_is_ended(airflow, dag_warehouse):
    """Last of all: it stops the Airflow of these tests."""
    folder = folder_of(dag_warehouse)
    note = noted(folder)
    leaders = [leader for leader, _ in note["sessions"].values()]
    psutil.Process(note["supervisor"]).kill()
    assert all(psutil.pid_exists(leader) for leader in leaders)
    assert scheduler.stop(dag_warehouse)
    left = [process.pid for process in psutil.process_iter() if session(process.pid) in leaders]
    assert left == []
    assert not scheduler.stop(dag_warehouse)


def session(pid: int) -> int | None:
    """The session of a process that lives."""
    try:
        alive = psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        return os.getsid(pid) if alive else None
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None
