"""ops.builds: the record of every build and publish of a target."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

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


class LastBuild(NamedTuple):
    """A build that a target still shows. tables: how many dbt has made for it so far."""

    build_id: int
    finished_at: datetime
    tables: int


def last_build(session: Session, target: str, fingerprint: str) -> LastBuild | None:
    """The newest build, if the target still shows it as a whole and it had this fingerprint.

    None too when one of the tables that dbt has made for the target is gone.
    """
    rows = session.query(
        "select newest.build_id, newest.finished_at at time zone 'UTC', made.tables "
        "from (select * from ops.builds where target = %s and is_current "
        " order by build_id desc limit 1) as newest, "
        "(select count(*) as tables, "
        " count(to_regclass(format('%%I.%%I', schema_name, table_name))) as there "
        " from ops.table_states where target = %s) as made "
        "where newest.fingerprint = %s and made.there = made.tables",
        target,
        target,
        fingerprint,
    )
    return LastBuild(*rows[0]) if rows else None


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
