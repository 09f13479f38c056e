#!/usr/bin/env python3
"""Start a run of a DAG through Airflow's REST API and wait for its outcome.

Exit code 0 when the run has succeeded, 1 when it failed, could not be started, or was not done in
time. AIRFLOW_URL, AIRFLOW_USER and AIRFLOW_PASSWORD say where and as whom. Needs Python alone.
"""

import argparse
import json
import os
import sys
import time
from datetime import UTC, datetime
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

ANSWER_SECONDS = 30
UNREACHABLE = (URLError, TimeoutError, ConnectionError, ValueError)  # ValueError: no JSON


class RunError(Exception):
    """One line: what went wrong, and what to do."""


class Airflow:
    """Airflow's API v2, as one user."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url.rstrip("/")
        self._login = {"username": user, "password": password}
        self._token: str | None = None

    def call(self, path: str, body: dict | None = None) -> dict:
        """GET the path below /api/v2, or POST the body there; return the answer.

        Raises HTTPError for a status of 400 or more (401: once more with a new token), one of
        UNREACHABLE when there is no answer, RunError when the log-in is refused.
        """
        fresh = self._token is None
        if fresh:
            self._token = self._new_token()
        try:
            return _request(f"{self.url}/api/v2{path}", body, self._token)
        except HTTPError as error:
            if error.code != 401 or fresh:
                raise
        self._token = self._new_token()
        return _request(f"{self.url}/api/v2{path}", body, self._token)

    def _new_token(self) -> str:
        try:
            return _request(f"{self.url}/auth/token", self._login)["access_token"]
        except HTTPError as error:
            if error.code == 401:
                raise RunError(
                    f"{self.url} refuses the log-in of {self._login['username']}"
                ) from None
            raise


def _request(url: str, body: dict | None = None, token: str | None = None) -> dict:
    headers = {"Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers["Content-Type"] = "application/json"
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, headers), timeout=ANSWER_SECONDS) as answer:
        return json.load(answer)


def await_commit(airflow: Airflow, commit: str, deadline: float, pause: float) -> None:
    """Wait until Airflow runs the images built from `commit`; RunError when it does not in time.

    deadline: seconds of time.monotonic(); pause: seconds between two questions.
    """
    found = None
    while True:
        try:
            found = airflow.call("/variables/o2r_commit")["value"]
        except HTTPError as error:
            if error.code != 404 and error.code < 500:
                raise
        except UNREACHABLE as error:
            print(f"no answer: {error}", flush=True)  # it may be starting with the new images
        if found == commit:
            return
        if time.monotonic() + pause > deadline:
            raise RunError(
                f"{airflow.url} runs commit {found or 'unknown'}, not {commit}: start it from "
                "images of this commit first (docs/compose.md)"
            )
        time.sleep(pause)


def start(airflow: Airflow, dag: str) -> str:
    """Start a run of the DAG and return its id; RunError when the DAG is paused or not there."""
    try:
        if airflow.call(f"/dags/{quote(dag)}")["is_paused"]:
            raise RunError(f"{dag} is paused, its runs would wait for ever: unpause it in Airflow")
        run = f"api__{datetime.now(UTC).isoformat()}"
        # A null logical_date: any number of runs may be started on one day.
        body = {"dag_run_id": run, "logical_date": None, "note": "started by .ci/run_dag.py"}
        return airflow.call(f"/dags/{quote(dag)}/dagRuns", body)["dag_run_id"]
    except HTTPError as error:
        if error.code == 404:
            raise RunError(f"{airflow.url} has no DAG {dag}") from None
        raise


def await_outcome(airflow: Airflow, dag: str, run: str, deadline: float, pause: float) -> None:
    """Wait until the run has succeeded; RunError when it has not, or not in time.

    A server that does not answer is asked again: it may be restarting, and the run goes on.
    """
    path = f"/dags/{quote(dag)}/dagRuns/{quote(run)}"
    state = None
    while True:
        try:
            found = airflow.call(path)["state"]
            if found != state:
                print(f"{dag}: {found}", flush=True)
            state = found
        except HTTPError as error:
            if error.code < 500:
                raise
        except UNREACHABLE as error:
            print(f"no answer: {error}", flush=True)
        if state == "success":
            return
        if state == "failed":
            raise RunError(
                f"run {run} of {dag} failed in: {', '.join(_failed_tasks(airflow, path))}"
            )
        if time.monotonic() + pause > deadline:
            raise RunError(f"run {run} of {dag} is not done in time, its last state: {state}")
        time.sleep(pause)


def _failed_tasks(airflow: Airflow, path: str) -> list[str]:
    """Names of the failed tasks; the failure stands, also when they cannot be had."""
    try:
        tasks = airflow.call(f"{path}/taskInstances?state=failed&limit=100")["task_instances"]
        return [task["task_id"] for task in tasks] or ["no task"]
    except (HTTPError, KeyError, *UNREACHABLE):
        return ["unknown tasks"]


def main() -> None:
    """Read the arguments, run the DAG, print one line when it did not succeed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dag")
    parser.add_argument("--commit", help="wait until Airflow runs images of this commit")
    parser.add_argument("--minutes", type=float, default=60, help="time limit; default 60")
    parser.add_argument("--pause", type=float, default=10, help="seconds between two questions")
    chosen = parser.parse_args()
    deadline = time.monotonic() + 60 * chosen.minutes
    try:
        airflow = Airflow(*(os.environ[f"AIRFLOW_{name}"] for name in ("URL", "USER", "PASSWORD")))
        if chosen.commit:
            await_commit(airflow, chosen.commit, deadline, chosen.pause)
        run = start(airflow, chosen.dag)
        print(f"{airflow.url}/dags/{quote(chosen.dag)}/runs/{quote(run)}", flush=True)
        await_outcome(airflow, chosen.dag, run, deadline, chosen.pause)
    except KeyError as error:
        sys.exit(f"error: {error} is missing")
    except RunError as error:
        sys.exit(f"error: {error}")
    except HTTPError as error:
        sys.exit(f"error: Airflow answers {error.code} to {error.url}: {error.read(500).decode()}")
    except UNREACHABLE as error:
        sys.exit(f"error: Airflow cannot be reached: {error}")


if __name__ == "__main__":
    main()
