"""`.ci/run_dag.py` against a server that answers like Airflow's API v2."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "run_dag.py"
USER, PASSWORD = "admin", "correct"
NEW, OLD = "b" * 40, "a" * 40


class Airflow(ThreadingHTTPServer):
    """State of the server; a list is answered item by item, its last one for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.states: list[str | int] = ["success"]
        self.commits: list[str | None] = [NEW]
        self.paused = False
        self.expire_after = 10**6  # calls that a token lives
        self.tokens = 0
        self.calls = 0
        self.runs: list[dict] = []
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    server: Airflow

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def body(self) -> dict:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def do_POST(self) -> None:
        with self.server.lock:
            if self.path == "/auth/token":
                if self.body() != {"username": USER, "password": PASSWORD}:
                    return self.answer(401, {"detail": "Invalid credentials"})
                self.server.tokens += 1
                self.server.calls = 0
                return self.answer(201, {"access_token": f"token-{self.server.tokens}"})
            if not self.authorized():
                return self.answer(401, {"detail": "Invalid JWT token"})
            body = self.body()
            if self.path != "/api/v2/dags/pipeline_daily/dagRuns":
                return self.answer(404, {"detail": "Dag not found"})
            if "logical_date" not in body or body["logical_date"] is not None:
                return self.answer(422, {"detail": "logical_date"})
            self.server.runs.append(body)
            return self.answer(200, {"dag_run_id": body["dag_run_id"], "state": "queued"})

    def do_GET(self) -> None:
        with self.server.lock:
            if not self.authorized():
                return self.answer(401, {"detail": "Invalid JWT token"})
            parts = unquote(urlsplit(self.path).path).removeprefix("/api/v2/").split("/")
            if parts == ["variables", "o2r_commit"]:
                commit = self.next(self.server.commits)
                return self.answer(200, {"key": "o2r_commit", "value": commit})
            if parts == ["dags", "pipeline_daily"]:
                return self.answer(200, {"is_paused": self.server.paused})
            if self.server.runs and parts[2:4] == ["dagRuns", self.server.runs[0]["dag_run_id"]]:
                if parts[4:] == ["taskInstances"]:
                    return self.answer(200, {"task_instances": [{"task_id": "publish"}]})
                state = self.next(self.server.states)
                if isinstance(state, int):
                    return self.answer(state, {"detail": "Bad gateway"})
                return self.answer(200, {"dag_run_id": parts[3], "state": state})
            return self.answer(404, {"detail": "not found"})

    def authorized(self) -> bool:
        self.server.calls += 1
        fresh = self.server.calls <= self.server.expire_after
        return fresh and self.headers["Authorization"] == f"Bearer token-{self.server.tokens}"

    @staticmethod
    def next(answers: list) -> object:
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    with Airflow() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def run(airflow: Airflow) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the script: `run("--minutes", "1", dag=..., password=...)`."""

    def call(
        *arguments: str, dag: str = "pipeline_daily", password: str = PASSWORD, url: str = ""
    ) -> subprocess.CompletedProcess[str]:
        url = url or f"http://127.0.0.1:{airflow.server_port}"
        variables = {"AIRFLOW_URL": url, "AIRFLOW_USER": USER, "AIRFLOW_PASSWORD": password}
        return subprocess.run(
            [sys.executable, SCRIPT, dag, "--pause", "0.05", "--minutes", "0.02", *arguments],
            env={**os.environ, **variables, "NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return call


def test_success_is_waited_for(airflow, run):
    airflow.states = ["queued", "running", "running", "success"]
    done = run()
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [
        f"pipeline_daily: {state}" for state in ("queued", "running", "success")
    ]
    assert len(airflow.runs) == 1


def test_a_failed_run_fails_and_names_its_tasks(airflow, run):
    airflow.states = ["queued", "running", "failed"]
    done = run()
    assert done.returncode == 1
    assert done.stderr.startswith("error: run api__")
    assert done.stderr.endswith("of pipeline_daily failed in: publish\n")


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_run_that_does_not_end_is_no_success(airflow, run, state):
    airflow.states = [state]
    done = run()
    assert done.returncode == 1
    assert done.stderr.endswith(f"is not done in time, its last state: {state}\n")


def test_a_refused_login_fails(airflow, run):
    done = run(password="wrong")
    assert done.returncode == 1
    assert done.stderr.endswith("refuses the log-in of admin\n")
    assert not airflow.runs


def test_an_expired_token_is_renewed_once(airflow, run):
    airflow.states = ["running", "running", "success"]
    airflow.expire_after = 3
    assert run().returncode == 0
    assert airflow.tokens == 2
    assert len(airflow.runs) == 1


def test_a_login_that_opens_nothing_fails(airflow, run):
    airflow.expire_after = 0
    done = run()
    assert done.returncode == 1
    assert done.stderr.startswith("error: Airflow answers 401 ")


def test_an_unknown_dag_fails(run):
    done = run(dag="pipeline_weekly")
    assert done.returncode == 1
    assert done.stderr.endswith("has no DAG pipeline_weekly\n")


def test_a_paused_dag_is_not_started(airflow, run):
    airflow.paused = True
    done = run()
    assert done.returncode == 1
    assert "is paused" in done.stderr
    assert not airflow.runs


def test_a_restart_of_the_server_is_no_outcome(airflow, run):
    airflow.states = ["running", 502, 503, "success"]
    assert run().returncode == 0
    airflow.states = ["running", 502, "failed"]
    airflow.runs.clear()
    assert run().returncode == 1


def test_an_unreachable_server_fails(run):
    done = run(url="http://127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr.startswith("error: Airflow cannot be reached: ")
    assert done.stderr.count("\n") == 1


def test_the_commit_is_waited_for(airflow, run):
    airflow.commits = [OLD, OLD, NEW]
    assert run("--commit", NEW).returncode == 0
    assert len(airflow.runs) == 1


@pytest.mark.parametrize("found", [OLD, "", None])
def test_older_code_is_not_run(airflow, run, found):
    airflow.commits = [found]
    done = run("--commit", NEW)
    assert done.returncode == 1
    assert f"runs commit {found or 'unknown'}, not {NEW}" in done.stderr
    assert not airflow.runs
