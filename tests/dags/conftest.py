"""Airflow for the tests: described without a database, and running on the embedded server."""

import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.dags.airflow_client import Airflow
from tests.integration.small_project import SOURCES, small_project

from o2r.demo.datasets import load_dataset
from o2r.demo.run import yesterday
from o2r.scheduler.api import log_in
from o2r.settings import Settings
from o2r.synthetic import SimulationConfig, generate

ROOT = Path(__file__).parents[2]
FIRST_PORT, PORTS_OF_A_WORKER = 20_000, 1_000
"""Ports below those that systems hand out, so that none of them is taken by chance."""


@pytest.fixture(scope="session")
def described(tmp_path_factory) -> dict:
    """What `describe` says of the DAG files as they are."""
    return describe(tmp_path_factory.mktemp("airflow"))


def describe(home: Path, **variables: str) -> dict:
    """What tests/dags/describe.py says about the DAG files, before any manifest is there."""
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "dags" / "describe.py"],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "airflow" / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "O2R_STATE": str(home / "no-state"),
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def dag_warehouse(new_database, tmp_path_factory) -> Settings:
    """A small company in bronze up to the day before yesterday, and a small project to build it."""
    settings = new_database()
    last = yesterday() - timedelta(days=1)
    config = SimulationConfig(last, accounts=8, weeks=3, events=600, ahead=3)
    generate(config, settings.demo_dir)
    load_dataset("demo", settings)
    return project_with_dags(tmp_path_factory.mktemp("small"), settings)


def project_with_dags(folder: Path, settings: Settings) -> Settings:
    """A small project with every source, and the DAGs and database scripts of the real one."""
    for name in ("airflow", "database_scripts"):
        (folder / name).symlink_to(ROOT / name)
    return small_project(folder, settings, *SOURCES, "seeds/country_regions.csv")


@pytest.fixture(scope="session")
def webhook() -> Iterator[HTTPServer]:
    """A server that keeps the JSON posted to it in `alerts`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.alerts.append(
                json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            )
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.alerts = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="session")
def alerts(webhook) -> list[dict]:
    """The alerts that the webhook has been sent."""
    return webhook.alerts


@pytest.fixture(scope="session")
def airflow(dag_warehouse, environ, webhook) -> Iterator[Airflow]:
    """Airflow as `make airflow` starts it, on the warehouse of the tests."""
    started = StartedAirflow(
        dag_warehouse,
        environ(dag_warehouse)
        | {"AIRFLOW_VAR_O2R_ALERT_WEBHOOK": f"http://127.0.0.1:{webhook.server_port}"},
    )
    try:
        yield started.ready()
    finally:
        started.stop()


class StartedAirflow:
    """`o2r airflow up` as a process."""

    def __init__(self, settings: Settings, variables: dict[str, str]) -> None:
        """Start it, without the clock: the tests do not depend on the time at which they run."""
        self.log = settings.home / "o2r-airflow.log"
        self.port = free_ports()
        choices = {"O2R_PROJECT": str(settings.project), "O2R_CLOCK": "off"}
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [Path(sys.executable).with_name("o2r"), "airflow", "up", "--port", str(self.port)],
                env=variables | choices | {"O2R_RETRY_SECONDS": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def ready(self) -> Airflow:
        """Wait until it says where it is."""
        deadline = time.monotonic() + 240
        greeting = r"(http://\S+)  user (\S+)  password (\S+)"
        while not (said := re.search(greeting, self.log.read_text())):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.5)
        url, user, password = said.groups()
        return Airflow(url, user, password, log_in(self.port, user, password))

    def stop(self) -> None:
        """As Ctrl-C does."""
        self.process.terminate()
        self.process.wait(120)


def free_ports() -> int:
    """The first of three free TCP ports in a row: Airflow's log servers take the other two.

    Airflow binds them seconds later, so tests that run at the same time must not choose the same:
    each worker of pytest-xdist has a range of its own, and starts anywhere in it.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 12
    start = FIRST_PORT + worker * PORTS_OF_A_WORKER
    mine = range(start, start + PORTS_OF_A_WORKER - 2, 3)
    for first in random.sample(mine, len(mine)):
        if all(is_free(port) for port in range(first, first + 3)):
            return first
    raise AssertionError(f"no three free ports in a row in {mine}")


def is_free(port: int) -> bool:
    """Whether nothing listens on a TCP port, on any address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
