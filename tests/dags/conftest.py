"""Airflow for the tests: described without a database, and running on the embedded server."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.dags.airflow_client import Airflow

from o2r.bronze.datasets import load_dataset
from o2r.demo import yesterday
from o2r.scheduler.api import log_in
from o2r.settings import Settings
from o2r.synthetic import SimulationConfig, generate

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def described(tmp_path_factory) -> dict:
    """What tests/dags/describe.py says about the DAG files, before any manifest is there."""
    home = tmp_path_factory.mktemp("airflow")
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "dags" / "describe.py"],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "airflow" / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "O2R_STATE": str(home / "no-state"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def dag_warehouse(new_database) -> Settings:
    """A small company in bronze, for the DAGs to build."""
    settings = new_database()
    config = SimulationConfig(yesterday(), accounts=8, weeks=3, events=600, ahead=3)
    generate(config, settings.demo_dir)
    load_dataset("demo", settings)
    return settings


@pytest.fixture(scope="session")
def hold(tmp_path_factory) -> Path:
    """While this file exists, builds wait (tests/dags/o2r_small.py)."""
    return tmp_path_factory.mktemp("hold") / "hold"


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
def airflow(dag_warehouse, environ, hold, webhook) -> Iterator[Airflow]:
    """Airflow as `make airflow` starts it, on the warehouse of the tests."""
    port = free_port()
    log = dag_warehouse.home / "o2r-airflow.log"
    small = ROOT / "tests" / "dags" / "o2r_small.py"
    variables = environ(dag_warehouse) | {
        "O2R_COMMAND": shlex.join([sys.executable, str(small)]),
        "O2R_HOLD": str(hold),
        "O2R_RETRY_SECONDS": "1",
        "AIRFLOW_VAR_O2R_ALERT_WEBHOOK": f"http://127.0.0.1:{webhook.server_port}",
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("o2r"), "airflow", "up", "--port", str(port)],
            env=variables, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 240
        while not (said := re.search(r"(http://\S+)  user (\S+)  password (\S+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        url, user, password = said.groups()
        yield Airflow(url, log_in(port, user, password))
    finally:
        process.terminate()
        process.wait(120)


def free_port() -> int:
    """A TCP port with free neighbours, most likely: Airflow's log servers take the next two."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return min(probe.getsockname()[1], 65_000)
