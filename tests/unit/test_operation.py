"""What is said of a server that recovers, of a run whose `o2r` was killed, and of a lock."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import psycopg2
import pytest
from dbt.events.core_types_pb2 import (
    CommandCompleted,
    LogModelResult,
    LogStartLine,
    LogTestResult,
)

from o2r.builds.ledger import BUILD_VARIABLE, fate
from o2r.builds.progress import Progress
from o2r.errors import UserError
from o2r.settings import load_settings
from o2r.warehouse import connection, locks


@pytest.mark.parametrize(
    ("results", "outcome", "message"),
    [
        (("7", ["success", "pass", "warn", "skipped"]), "succeeded", "layers were not compared"),
        (("7", ["success", "fail"]), "failed", "a test failed after o2r had been killed"),
        (("7", ["success", "error"]), "failed", "a model or"),
        (("6", ["success"]), "killed", None),
        (None, "killed", None),
    ],
)
def test_a_run_is_what_dbt_made_of_it(
    tmp_path: Path, results: tuple[str, list[str]] | None, outcome: str, message: str | None
) -> None:
    path = tmp_path / "run_results.json"
    if results:
        number, statuses = results
        metadata = {"env": {BUILD_VARIABLE: number}, "generated_at": "2026-11-28T10:00:00Z"}
        found = {"metadata": metadata, "results": [{"status": one} for one in statuses]}
        path.write_text(json.dumps(found))
    found_outcome, found_message, _ = fate(7, "build", path)
    assert found_outcome == outcome
    assert (message in found_message) if message else found_message is None
    assert fate(7, "publish", path)[0] == "killed", "gold was not exchanged"


def test_a_server_that_recovers_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["is starting up", "is in recovery mode", "is not yet accepting connections"])
    seen = []

    def connect(**parameters: object) -> object:
        seen.append(parameters)
        if words := next(answers, None):
            raise psycopg2.OperationalError(f"FATAL:  the database system {words}")
        raise psycopg2.OperationalError("FATAL:  password authentication failed")

    monkeypatch.setattr(psycopg2, "connect", connect)
    settings = load_settings(host="nowhere")
    with pytest.raises(UserError, match="authentication failed: check POSTGRES_HOST"):
        connection.connect(settings)
    assert len(seen) == 4
    answers = iter(["is in recovery mode"])
    monkeypatch.setattr(connection, "PATIENCE", 0.0)
    with pytest.raises(UserError, match="recovers from a crash: wait a minute, then try again"):
        connection.connect(settings)


def test_who_waits_says_so_at_once_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cursor:
        """Gives the lock at the sixth attempt."""

        asked = 0

        def execute(self, statement: str, _parameters: object) -> None:
            self.asked += "pg_try" in statement

        def fetchone(self) -> tuple[bool]:
            return (self.asked > 5,)

        def fetchall(self) -> list[tuple]:
            return [("o2r build prod, process 4711", "postgres", 12, "10:15 UTC")]

    clock = iter(range(0, 1000, 31))
    monkeypatch.setattr(locks.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(locks.time, "sleep", lambda _: None)
    said: list[str] = []
    locks.acquire(Cursor(), locks.BUILD, "prod", say=said.append)
    assert len(said) == 3
    assert "o2r build prod, process 4711 of postgres (session 12, since 10:15 UTC)" in said[0]
    assert "`kill PROCESS`" in said[0]


def test_a_long_build_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr("o2r.builds.progress.time.monotonic", lambda: next(clock))
    output = io.StringIO()
    progress = Progress(output)
    events = [LogStartLine(total=20), *[LogModelResult(total=20), LogTestResult(num_models=20)] * 4]
    for data in [*events, CommandCompleted()]:
        progress(SimpleNamespace(info=SimpleNamespace(name=type(data).__name__), data=data))
    progress.end()
    assert output.getvalue().splitlines() == [
        f"    {done} of 20 models and tests done" for done in (3, 6)
    ]
