"""DAG runs in a real Airflow (scheduler, workers, API) on a real warehouse, in this order.

What a DAG calls is the command itself, on a dbt project of a few models.
"""

import os
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import unquote

import psutil
import pytest
from playwright.sync_api import expect
from psycopg2.errors import InsufficientPrivilege
from tests.chromium import SCREENSHOTS, chromium
from tests.integration.small_project import GOLD, tickets
from tests.metrics.warehouse import gold_hashes

from o2r import scheduler
from o2r.bronze.loader import load
from o2r.demo.run import yesterday
from o2r.replay.run import compare_targets
from o2r.scheduler.home import folder_of
from o2r.scheduler.processes import noted
from o2r.warehouse import connect

ADD_TICKET = (
    "insert into raw_bronze.support_tickets (ticket_id, account_id, created_at, priority, "
    "channel, status, last_updated) select %s, account_id, created_at, priority, %s, status, "
    "last_updated from raw_bronze.support_tickets limit 1"
)
TICKET = (
    "ticket_id,account_id,created_at,priority,category,status,last_updated\n"
    "{},acc-00001,2026-10-01,p3,other,open,2026-10-01\n"
)


@pytest.fixture
def builds(query, dag_warehouse):
    """Read what ops.builds knows of production: (kind, outcome), the oldest first."""
    statement = "select kind, outcome from ops.builds where target = 'prod' order by build_id"
    return lambda: query(dag_warehouse, statement)


def test_a_browser_starts_the_pipeline_and_sees_it_green(airflow):
    """The pictures are those of docs/airflow.md; the next test looks at what was built."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{airflow.url}/dags/pipeline_daily")
        page.fill("input[name=username]", airflow.user)
        page.fill("input[name=password]", airflow.password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Trigger Dag").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_text("First day to build again").wait_for()
        page.wait_for_timeout(500)  # it slides in
        page.screenshot(path=SCREENSHOTS / "airflow-trigger.png")
        dialog.get_by_role("button", name="Trigger", exact=True).click()
        page.wait_for_url("**/runs/**")
        airflow.trigger("silver_layer_staging")
        run = unquote(page.url.rpartition("/runs/")[2].partition("/")[0].partition("?")[0])
        of_the_run = page.get_by_test_id("state-badge").first
        expect(of_the_run).to_have_text("Success", timeout=300_000)
        page.wait_for_timeout(1000)
        page.screenshot(path=SCREENSHOTS / "airflow-run.png")
        page.goto(f"{airflow.url}/dags")
        page.get_by_text("load_bronze_files").first.wait_for()
        page.wait_for_timeout(1000)
        page.screenshot(path=SCREENSHOTS / "airflow-dags.png")
    assert airflow.end("pipeline_daily", run) == "success"


def test_production_is_published_and_a_second_build_waits_for_it(airflow, dag_warehouse, builds):
    """Two DAGs that build one target, triggered at once: one slot, one build at a time."""
    first, second = (started(airflow, dag) for dag in ("pipeline_daily", "silver_layer_staging"))
    assert airflow.end("pipeline_daily", first) == "success"
    assert airflow.end("silver_layer_staging", second) == "success"
    assert airflow.states("pipeline_daily", first) == {
        "source_freshness": "success",
        "backfill": "skipped",
        "publish": "success",
        "documentation": "success",
        "dashboards": "skipped",
        "health": "success",
    }
    at_work = [
        airflow.tasks("pipeline_daily", first)["publish"],
        airflow.tasks("silver_layer_staging", second)["silver"],
    ]
    earlier, later = sorted(at_work, key=lambda task: task["start_date"])
    assert earlier["end_date"] <= later["start_date"]
    assert {("publish", "succeeded"), ("build", "succeeded")} <= set(builds())
    assert sorted(gold_hashes(dag_warehouse)) == GOLD
    assert tickets(dag_warehouse) > 0
    assert (dag_warehouse.project / "prod-state" / "manifest.json").is_file()


def started(airflow, dag: str) -> str:
    """The run that an earlier test has started, else a new one."""
    runs = airflow.ask("get", f"/api/v2/dags/{dag}/dagRuns")["dag_runs"]
    return runs[0]["dag_run_id"] if runs else airflow.trigger(dag)


def test_gold_follows_silver(airflow):
    """The build of silver in the test before has told so (asset). No more of it in later tests."""
    deadline = time.monotonic() + 60
    path = "/api/v2/dags/gold_layer_marts/dagRuns"
    while not (found := airflow.ask("get", path)["dag_runs"]):
        assert time.monotonic() < deadline
        time.sleep(1)
    for run in found:  # more than one where silver has run on its schedule, too
        assert run["run_type"] == "asset_triggered"
        assert airflow.end("gold_layer_marts", run["dag_run_id"]) == "success"
        log = airflow.log("gold_layer_marts", run["dag_run_id"], "gold")
        assert f"published: {len(GOLD)} tables in mart_gold" in log
    airflow.ask("patch", "/api/v2/dags/gold_layer_marts", {"is_paused": True})


def test_the_alternative_has_one_task_for_each_model(airflow, dag_warehouse):
    """Its tasks come from the manifest that production has saved in the first test."""
    dag = "/api/v2/dags/pipeline_daily_cosmos"
    file = airflow.ask("get", f"{dag}/details")["file_token"]
    airflow.ask("put", f"/api/v2/parseDagFile/{file}")
    expected = {"models.fct_tickets.run", "models.fct_tickets.test", "models.ticket_totals_run"}

    def are_read() -> bool:
        found = airflow.ask("get", f"{dag}/tasks")["tasks"]
        return expected <= {task["task_id"] for task in found}

    wait_until(are_read)
    airflow.ask("patch", dag, {"is_paused": False})
    run = airflow.trigger("pipeline_daily_cosmos")
    airflow.succeeds("pipeline_daily_cosmos", run)
    assert set(airflow.states("pipeline_daily_cosmos", run).values()) == {"success"}
    assert sorted(gold_hashes(dag_warehouse, "dbt_dev_mart_gold")) == GOLD


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
def test_a_stale_source_stops_the_build_and_is_reported(airflow, dag_warehouse, builds, alerts):
    before = builds(), gold_hashes(dag_warehouse)
    run = airflow.trigger("pipeline_daily")
    assert airflow.end("pipeline_daily", run) == "failed"
    states = airflow.states("pipeline_daily", run)
    assert states["source_freshness"] == "failed"
    assert states["publish"] == states["health"] == "upstream_failed"
    log = airflow.log("pipeline_daily", run, "source_freshness", attempt=2)
    assert "a source is stale or cannot be read, so nothing is built" in log
    assert "task_failed" in log
    assert (builds(), gold_hashes(dag_warehouse)) == before
    [alert] = [alert for alert in alerts if alert["run_id"] == run]
    assert (alert["event"], alert["task_id"]) == ("task_failed", "source_freshness")
    assert "a source is stale" in alert["text"]


@pytest.fixture
def cursed(query, dag_warehouse):
    """A ticket that a test of gold does not accept."""
    query(dag_warehouse, ADD_TICKET, ("cursed", "cursed"))
    yield
    query(dag_warehouse, "delete from raw_bronze.support_tickets where ticket_id = 'cursed'")


@pytest.mark.usefixtures("cursed")
def test_a_failing_test_leaves_gold_as_it_was(airflow, query, dag_warehouse, builds, alerts):
    before = gold_hashes(dag_warehouse)
    airflow.ask("patch", "/api/v2/dags/gold_layer_marts", {"is_paused": False})
    run = airflow.trigger("gold_layer_marts")
    assert airflow.end("gold_layer_marts", run) == "failed"
    airflow.ask("patch", "/api/v2/dags/gold_layer_marts", {"is_paused": True})
    assert airflow.tasks("gold_layer_marts", run)["gold"]["try_number"] == 2
    log = airflow.log("gold_layer_marts", run, "gold", attempt=2)
    assert "assert_no_ticket_is_cursed" in log
    assert "not published, mart_gold is as it was" in log
    assert gold_hashes(dag_warehouse) == before
    assert builds()[-2:] == [("publish", "failed")] * 2
    read = "set role metabase_reader; select count(*) from {}.fct_tickets"
    assert query(dag_warehouse, read.format("mart_gold"))[0][0] == tickets(dag_warehouse)
    with pytest.raises(InsufficientPrivilege):
        query(dag_warehouse, read.format("mart_gold_shadow"))
    [alert] = [alert for alert in alerts if alert["run_id"] == run]
    assert alert["task_id"] == "gold"


@pytest.fixture
def unbalanced(query, dag_warehouse):
    """A batch whose quarantined row is nowhere to be found."""
    query(
        dag_warehouse,
        "insert into ops.load_batches (dataset, source_file, table_name, checksum, received, "
        "inserted, duplicate, quarantined, loaded_at, started_at, finished_at) values "
        "('demo', 'lost', 'web_events', 'lost', 1, 0, 0, 1, now(), now(), now())",
    )
    yield
    query(dag_warehouse, "delete from ops.load_batches where source_file = 'lost'")


def test_a_killed_task_is_tried_again(airflow, dag_warehouse, builds):
    """Worker and command are killed while dbt is at work; the next try waits for that dbt.

    What the killed command's dbt went on to complete is noted as that.
    """
    holder = connect(dag_warehouse)
    try:
        holder.cursor().execute("lock table intermediate_silver.int_requests")
        run = airflow.trigger("silver_layer_staging", full_refresh=True)  # else nothing is new
        wait_until(lambda: waits_for(dag_warehouse, "int_requests"))
        command = running_command(dag_warehouse, "build")
        command.parent().kill()
        command.kill()
        retried = f"/api/v2/dags/silver_layer_staging/dagRuns/{run}/taskInstances/silver"
        wait_until(lambda: airflow.ask("get", retried)["try_number"] == 2)
    finally:
        holder.close()
    assert airflow.end("silver_layer_staging", run) == "success"
    assert builds()[-2:] == [("build", "succeeded"), ("build", "succeeded")]


def test_a_task_that_is_marked_as_failed_ends_its_command(airflow, dag_warehouse):
    """What the runbook says of a build that is stuck."""
    holder = connect(dag_warehouse)
    try:
        holder.cursor().execute("lock table intermediate_silver.int_requests")
        run = airflow.trigger("silver_layer_staging", full_refresh=True)  # else nothing is new
        wait_until(lambda: waits_for(dag_warehouse, "int_requests"))
        command = running_command(dag_warehouse, "build")
        started = [command, *command.children(recursive=True)]
        task = f"/api/v2/dags/silver_layer_staging/dagRuns/{run}/taskInstances/silver"
        airflow.ask("patch", task, {"new_state": "failed"})
        assert psutil.wait_procs(started, timeout=60)[1] == []
    finally:
        holder.close()
    assert airflow.end("silver_layer_staging", run) == "failed"


def wait_until(condition) -> None:
    """Wait for something that is sure to come, if all is well."""
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def waits_for(warehouse, table: str) -> bool:
    """Whether a session of the warehouse waits for the lock of a table."""
    connection = connect(warehouse, read_only=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select count(*) from pg_locks join pg_class on pg_class.oid = relation "
                "where relname = %s and not granted",
                (table,),
            )
            return cursor.fetchone()[0] > 0
    finally:
        connection.close()


def running_command(warehouse, name: str) -> psutil.Process:
    """The process of `o2r <name>` that a task has started; its parent is that of the task."""
    leader, _ = noted(folder_of(warehouse))["sessions"]["scheduler"]
    for process in psutil.process_iter(["cmdline"]):
        words = (process.info["cmdline"] or [])[1:3]
        if [Path(word).name for word in words] == ["o2r", name] and session(process.pid) == leader:
            return process
    raise AssertionError(f"no task runs o2r {name}")


def test_dev_is_built_in_full_and_production_is_not(airflow, query, dag_warehouse, builds):
    """The next test compares production with it, once that has the same tickets, too."""
    query(dag_warehouse, ADD_TICKET, ("good", "billing"))
    before = builds()
    run = airflow.trigger("pipeline_dev", full_refresh=True)
    assert airflow.end("pipeline_dev", run) == "success"
    assert set(airflow.states("pipeline_dev", run)) == {
        "source_freshness", "backfill", "build", "documentation",
    }  # fmt: skip
    assert "o2r build --target dev --full-refresh" in airflow.log("pipeline_dev", run, "build")
    assert builds() == before


@pytest.mark.usefixtures("unbalanced")
def test_days_that_are_built_again_equal_a_full_refresh(airflow, query, dag_warehouse, alerts):
    """Seven days of production are damaged; a backfill of just these days mends them.

    What the warehouse's health then says against it fails the run after gold is out.
    """
    last = yesterday() - timedelta(days=2)
    first = last - timedelta(days=6)
    before = tickets(dag_warehouse)
    damage(query, dag_warehouse, first, last)
    assert compare_targets(dag_warehouse).differences != ()
    run = airflow.trigger("pipeline_daily", **{"from": str(first), "to": str(last)})
    assert airflow.end("pipeline_daily", run) == "failed"
    manual = airflow.ask("get", f"/api/v2/dags/pipeline_daily/dagRuns/{run}")
    assert manual["logical_date"] is None
    states = airflow.states("pipeline_daily", run)
    assert {task: state for task, state in states.items() if state != "success"} == {
        "dashboards": "skipped", "health": "failed",
    }  # fmt: skip
    assert compare_targets(dag_warehouse).differences == ()
    assert tickets(dag_warehouse) == before + 1
    assert "1 rows quarantined, 0 kept" in airflow.log("pipeline_daily", run, "health")
    [alert] = [alert for alert in alerts if alert["run_id"] == run]
    assert (alert["task_id"], alert["try_number"]) == ("health", 1)


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


def test_configuration_and_the_next_simulated_day_are_loaded(airflow, query, dag_warehouse):
    """Silver, which follows, is paused first: the tests after this one need none."""
    airflow.ask("patch", "/api/v2/dags/silver_layer_staging", {"is_paused": True})
    airflow.ask("patch", "/api/v2/dags/load_bronze_synthetic", {"is_paused": False})
    newest = (
        "select max(cast(timezone('UTC', event_timestamp) as date)) "
        "from raw_bronze.inference_user_token_usage_proprietary"
    )
    assert query(dag_warehouse, newest) == [(yesterday() - timedelta(days=1),)]
    for dag_id in ("load_config_bronze", "load_bronze_synthetic"):
        run = airflow.trigger(dag_id)
        assert airflow.end(dag_id, run) == "success"
    assert query(dag_warehouse, newest) == [(yesterday(),)]
    assert query(dag_warehouse, "select count(*) > 0 from seeds.country_regions") == [(True,)]


def test_a_bad_file_is_reported_and_the_others_are_loaded(airflow, query, dag_warehouse):
    landing = dag_warehouse.landing
    landing.mkdir(exist_ok=True)  # the DAG itself may have run on its schedule
    first = landing.with_name("support_tickets__first.csv")
    first.write_text(TICKET.format("first"))
    load(first, settings=dag_warehouse, mix=True)  # files beside the simulated company
    (landing / "what_is_this.csv").write_text("a,b\n1,2\n")
    (landing / "support_tickets__new.csv").write_text(TICKET.format("landed"))
    run = airflow.trigger("load_bronze_files")
    assert airflow.end("load_bronze_files", run) == "failed"
    assert airflow.states("load_bronze_files", run) == {
        "load": "success", "announce": "success", "report": "failed",
    }  # fmt: skip
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


def test_what_a_killed_airflow_left_is_ended(airflow, dag_warehouse, monkeypatch):
    """Last of all: it stops the Airflow of these tests."""
    monkeypatch.setattr("o2r.scheduler.processes.SECONDS_TO_STOP", 5)
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
