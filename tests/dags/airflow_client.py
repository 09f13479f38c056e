"""The REST API of the Airflow under test."""

import time
from dataclasses import dataclass
from typing import Any

import requests

SECONDS_TO_END = 600


@dataclass(frozen=True)
class Airflow:
    """A running Airflow."""

    url: str
    user: str
    password: str
    token: str

    def ask(self, method: str, path: str, body: dict | None = None) -> Any:
        """Send JSON and return the JSON of the answer."""
        answer = requests.request(
            method,
            f"{self.url}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )
        assert answer.ok, answer.text
        return answer.json()

    def trigger(self, dag_id: str, **conf: object) -> str:
        """Start a run without a logical date, which the UI gives; its id."""
        body = {"logical_date": None, "conf": conf}
        return self.ask("post", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"]

    def end(self, dag_id: str, run_id: str) -> str:
        """Wait for the end of a run; its state."""
        deadline = time.monotonic() + SECONDS_TO_END
        while True:
            state = self.ask("get", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"]
            if state in ("success", "failed"):
                return state
            assert time.monotonic() < deadline, f"{dag_id} is still {state}"
            time.sleep(1)

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict]:
        """Task instances of a run by task id."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        return {found["task_id"]: found for found in self.ask("get", path)["task_instances"]}

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """State of each task of a run."""
        return {task: found["state"] for task, found in self.tasks(dag_id, run_id).items()}

    def succeeds(self, dag_id: str, run_id: str) -> None:
        """Wait for the end of a run, which must be a success; shows the logs of what failed."""
        if self.end(dag_id, run_id) != "success":
            failed = [
                task for task, state in self.states(dag_id, run_id).items() if state == "failed"
            ]
            raise AssertionError([self.log(dag_id, run_id, task)[-4000:] for task in failed])

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """What a task has logged."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        return str(self.ask("get", path)["content"])
