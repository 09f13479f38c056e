"""What `make airflow` asks of Airflow's REST API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import requests

from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse import connection_parameters

CONNECTION = "o2r_postgres"
SECONDS_TO_ANSWER = 30


def answers(port: int) -> bool:
    """Whether the API server does."""
    return _health(port) is not None


def is_healthy(port: int) -> bool:
    """Whether database, scheduler, triggerer and dag-processor are."""
    health = _health(port) or {"api-server": None}
    return all((part or {}).get("status") == "healthy" for part in health.values())


def _health(port: int) -> dict | None:
    try:
        return requests.get(_url(port, "/api/v2/monitor/health"), timeout=5).json()
    except (requests.RequestException, ValueError):
        return None


def log_in(port: int, user: str, password: str) -> str:
    """A token for the other functions."""
    answer = _ask("post", _url(port, "/auth/token"), {"username": user, "password": password})
    return answer["access_token"]


def put_pools(port: int, token: str, file: Path) -> None:
    """Create or replace the pools of a file as `airflow pools import` takes it."""
    pools = json.loads(file.read_text("utf-8"))
    _put(port, token, "pools", [{"name": name, **pool} for name, pool in pools.items()])


def put_connection(port: int, token: str, settings: Settings) -> None:
    """Create or replace the Connection of the warehouse."""
    found = connection_parameters(settings)
    entity = {
        "connection_id": CONNECTION,
        "conn_type": "postgres",
        "host": found["host"],
        "port": found["port"],
        "login": found["user"],
        "password": found["password"],
        "schema": found["dbname"],
        "description": "The warehouse of O2R.",
    }
    _put(port, token, "connections", [entity])


def _put(port: int, token: str, kind: str, entities: list[dict[str, Any]]) -> None:
    """Create or replace entities of one kind."""
    action = {"action": "create", "entities": entities, "action_on_existence": "overwrite"}
    answer = _ask("patch", _url(port, f"/api/v2/{kind}"), {"actions": [action]}, token)
    if errors := (answer.get("create") or {}).get("errors"):
        raise UserError(f"Airflow does not take its {kind}: {errors[0].get('error')}")


def _ask(method: str, url: str, body: dict, token: str | None = None) -> dict:
    """Send JSON and return the JSON of the answer. Raises UserError when it is refused."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = requests.request(
            method, url, json=body, headers=headers, timeout=SECONDS_TO_ANSWER
        )
        answer.raise_for_status()
        return answer.json()
    except (requests.RequestException, ValueError) as error:
        raise UserError(f"Airflow does not answer as expected: {error}") from None


def _url(port: int, path: str) -> str:
    return f"http://127.0.0.1:{port}{path}"
