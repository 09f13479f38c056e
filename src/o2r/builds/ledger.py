"""ops.builds: the record of every build and publish of a target."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from o2r.warehouse.query import Session

BUILD_VARIABLE = "O2R_BUILD"
"""Name under which dbt keeps the number of a build in the metadata of its results."""


@contextmanager
def recorded(
    session: Session,
    target: str,
    kind: str,
    arguments: Sequence[str],
    fingerprint: str,
    results: Path,
) -> Iterator[int]:
    """Note one run from its start to its end; gives its number in ops.builds.

    kind: build or publish. results: dbt's run_results.json of the target, see `fate`.
    The caller holds the lock of the target, so a run that is still noted as running was killed.
    An exception is noted as the failure and goes on.
    """
    for left, its_kind in session.query(
        "select build_id, kind from ops.builds where target = %s and outcome = 'running'",
        target,
    ):
        outcome, message, finished = fate(left, its_kind, results)
        session.query(
            "update ops.builds set outcome = %s, message = %s, finished_at = %s "
            "where build_id = %s",
            *(outcome, message, finished, left),
        )
    [(build_id,)] = session.query(
        "insert into ops.builds (target, kind, arguments, fingerprint, started_at, outcome) "
        "values (%s, %s, %s, %s, now(), 'running') returning build_id",
        target,
        kind,
        shlex.join(arguments),
        fingerprint,
    )
    try:
        yield build_id
    except BaseException as error:
        _finish(session, build_id, "failed", str(error) or type(error).__name__)
        raise
    _finish(session, build_id, "succeeded", None)


def fate(build_id: int, kind: str, results: Path) -> tuple[str, str | None, str | None]:
    """What became of a run whose `o2r` was killed: outcome, message, and when dbt ended.

    results: dbt's run_results.json of the target. dbt may outlive `o2r` and complete a build; to
    publish takes more than dbt.
    """
    try:
        found = json.loads(results.read_bytes())
        is_of_it = found["metadata"]["env"].get(BUILD_VARIABLE) == str(build_id)
        statuses = {result["status"] for result in found["results"]}
        ended = found["metadata"]["generated_at"]
    except (OSError, ValueError, KeyError):
        is_of_it = False
    if kind != "build" or not is_of_it:
        return "killed", None, None
    if statuses & {"error", "fail", "runtime error"}:
        return "failed", "a model or a test failed after o2r had been killed", ended
    return "succeeded", "o2r was killed, dbt completed: the layers were not compared", ended


def last_fingerprint(session: Session, target: str) -> str | None:
    """Fingerprint of the build that the target still shows unchanged, None when there is none."""
    rows = session.query(
        "select fingerprint from ops.builds where target = %s and is_current "
        "order by build_id desc limit 1",
        target,
    )
    return rows[0][0] if rows else None


def no_longer_current(session: Session, target: str) -> None:
    """Take from the target the mark of being up to date."""
    session.query("update ops.builds set is_current = false where target = %s", target)


def _finish(session: Session, build_id: int, outcome: str, message: str | None) -> None:
    session.query(
        "update ops.builds set outcome = %s, message = %s, finished_at = now(), "
        "is_current = %s where build_id = %s",
        outcome,
        message,
        outcome == "succeeded",
        build_id,
    )
