"""Whatever is killed, and whenever: started again, all ends as in a run that nobody disturbed.

The moments are random. A few kills take minutes, so there is one by default; `make test-kills` has
ten of them, of all kinds.
"""

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import cycle, islice

import psutil
import pytest
import requests
from tests.dags.airflow_client import Airflow
from tests.dags.conftest import ROOT, StartedAirflow, project_with_dags
from tests.in_process import dbt_in_process
from tests.integration.small_project import GOLD
from tests.metrics.warehouse import frame

from o2r.builds.publish import publish
from o2r.demo.datasets import load_dataset
from o2r.demo.live import land_days
from o2r.demo.run import simulate, yesterday
from o2r.health import WRONG, examine
from o2r.scheduler.home import folder_of
from o2r.scheduler.processes import noted
from o2r.settings import Settings, load_settings
from o2r.warehouse import embedded, setup

VICTIMS = ("scheduler", "postgres", "dbt")
FEWEST_DBT = 5
"""Of a run: freshness, three to publish, documentation."""
SLOWER = 4
"""Times that the pipeline needs to build, as its tasks are processes: kills come within these."""
DAYS_AHEAD = 30
LAST = yesterday() - timedelta(days=DAYS_AHEAD)
OF_THE_LOAD = "{loaded_at,batch_id}"


@dataclass
class Company:
    """A simulated company on a server of its own, which may be killed, and Airflow on it."""

    settings: Settings
    variables: dict[str, str]
    airflow: StartedAirflow
    client: Airflow
    seconds: float
    day: date = LAST

    def run(self, runs: dict[str, str]) -> None:
        """Load the day, then build production, as far as it goes; runs: those started, by DAG."""
        with suppress(requests.RequestException, AssertionError):  # it may be gone
            for dag, conf in self.steps():
                runs[dag] = self.client.trigger(dag, **conf)
                if self.client.end(dag, runs[dag]) != "success":
                    return

    def finish(self, runs: dict[str, str]) -> None:
        """Wait for what has been started, and trigger what did not end well or never began."""
        for dag, conf in self.steps():
            if dag not in runs or self.client.end(dag, runs[dag]) != "success":
                self.client.succeeds(dag, self.client.trigger(dag, **conf))

    def steps(self) -> tuple[tuple[str, dict[str, str]], ...]:
        """DAGs and their parameters."""
        return ("load_bronze_synthetic", {"day": str(self.day)}), ("pipeline_daily", {})

    def kill(self, victim: str) -> str:
        """Kill what is at work, without a chance to tidy up, some time from now; says when."""
        leader, _ = noted(folder_of(self.settings))["sessions"]["scheduler"]
        if victim == "dbt":
            return kill_dbt(leader)
        seconds = random.uniform(0, self.seconds)
        time.sleep(seconds)
        killed = leader if victim == "scheduler" else embedded.running(self.settings).pid
        psutil.Process(killed).kill()
        return f"{victim} after {seconds:.2f} s"

    def start_again(self) -> None:
        """Airflow, and with it the server."""
        self.airflow.stop()
        self.airflow = StartedAirflow(self.settings, self.variables)
        self.client = self.airflow.ready()


def kill_dbt(leader: int) -> str:
    """Kill one of the dbt processes that the tasks of a scheduler start one after the other."""
    number, seconds = random.randint(1, FEWEST_DBT - 1), random.uniform(0, 3)
    seen: set[int] = set()
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        for process in psutil.process_iter(["cmdline"]):
            if not any("dbt.cli.main" in word for word in process.info["cmdline"] or []):
                continue
            with suppress(psutil.NoSuchProcess, ProcessLookupError):  # it has just ended: the next
                if os.getsid(process.pid) == leader:
                    seen.add(process.pid)
                    if len(seen) >= number:
                        time.sleep(seconds)
                        process.kill()
                        return f"dbt {len(seen)} after {seconds:.2f} s"
        time.sleep(0.05)
    raise AssertionError(f"{len(seen)} dbt were at work, {number} were expected")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "victim" in metafunc.fixturenames:
        victims = list(islice(cycle(VICTIMS), metafunc.config.getoption("kills")))
        ids = [f"{number}-{victim}" for number, victim in enumerate(victims, start=1)]
        metafunc.parametrize("victim", victims, ids=ids)


@pytest.fixture(scope="module")
def company(new_home, tmp_path_factory, environ):
    """Built once, which shows how long that takes."""
    settings = load_settings(project=ROOT, home=new_home("killed"), database="o2r")
    embedded.up(settings)
    simulate(settings, LAST.isoformat(), accounts=8, weeks=3, events=600, ahead=DAYS_AHEAD)
    settings = project_with_dags(tmp_path_factory.mktemp("killed"), settings)
    setup(settings)
    load_dataset("demo", settings)
    variables = environ(settings)
    started = StartedAirflow(settings, variables)
    begin = time.monotonic()
    with dbt_in_process():
        publish(settings, quiet=True)
    seconds = SLOWER * (time.monotonic() - begin)
    company = Company(settings, variables, started, started.ready(), seconds)
    try:
        for dag in ("load_bronze_synthetic", "silver_layer_staging"):
            paused = {"is_paused": dag == "silver_layer_staging"}
            company.client.ask("patch", f"/api/v2/dags/{dag}", paused)
        yield company
    finally:
        company.airflow.stop()


@pytest.fixture(scope="module")
def undisturbed(company):
    """The same company in a database that no process but this test works on."""
    settings = company.settings.model_copy(update={"database": "undisturbed"})
    embedded.up(settings)
    setup(settings)
    load_dataset("demo", settings)
    return settings


def test_a_kill_changes_nothing(company, undisturbed, victim):
    company.day += timedelta(days=1)
    runs: dict[str, str] = {}
    with ThreadPoolExecutor() as pool:
        at_work = pool.submit(company.run, runs)
        killed = company.kill(victim)
        if victim != "dbt":
            company.start_again()
        at_work.result()
    started = ", ".join(runs)
    company.finish(runs)
    land_days(undisturbed, company.day)
    with dbt_in_process():
        publish(undisturbed, quiet=True)
    found, expected = contents(company.settings), contents(undisturbed)
    differing = [table for table in expected if found[table] != expected[table]]
    assert differing == [], f"killed: {killed}, started: {started}"
    assert [one for one in examine(company.settings) if one.state == WRONG] == []


def contents(settings: Settings) -> dict[str, str]:
    """A hash of each table of bronze and gold, but for when and by which load rows came."""
    tables = frame(
        settings,
        "select table_schema || '.' || table_name as name from information_schema.tables "
        "where table_schema in ('raw_bronze', 'mart_gold') and table_type = 'BASE TABLE'",
    )["name"]
    assert {f"mart_gold.{table}" for table in GOLD} <= set(tables)
    return {
        table: frame(
            settings,
            f"select md5(string_agg(line, chr(10) order by line)) from (select "
            f"(to_jsonb(t) - '{OF_THE_LOAD}'::text[])::text as line from {table} as t) as lines",
        ).iloc[0, 0]
        for table in tables
    }
