"""What decides the outcome of a build: while it is the same, so are the tables."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from o2r.contracts import SCHEMA, load_contracts
from o2r.warehouse.query import Session

PROJECT_SUFFIXES = {".sql", ".yml", ".csv", ".md"}
GENERATED = ("target", "dbt_packages", "logs", "profiles.yml")


def fingerprint(session: Session, arguments: Sequence[str]) -> str:
    """SHA-256 over the dbt project, what dbt is told, the day, and what has happened to bronze.

    The day (UTC), since rows that are dated ahead count from their day on.
    """
    dbt_dir = session.settings.dbt_dir
    told = {name: value for name, value in os.environ.items() if name.startswith("DBT_")}
    user = os.environ.get("USER")  # names the schemas of target personal
    given = [list(arguments), sorted(told.items()), user, f"{datetime.now(UTC):%F}"]
    digest = hashlib.sha256(json.dumps(given).encode())
    for path in _project_files(dbt_dir):
        digest.update(path.relative_to(dbt_dir).as_posix().encode())
        digest.update(path.read_bytes())
    for statement in (
        "select batch_id, checksum from ops.load_batches order by batch_id",
        "select distinct table_name, kind, batch_id, change_number from ops.changed_days "
        "order by 1, 2, 3, 4",
        _foreign_rows(dbt_dir),
    ):
        digest.update(json.dumps(session.query(statement), default=str).encode())
    return digest.hexdigest()


def _foreign_rows(dbt_dir: Path) -> str:
    """Query how many rows of other tools each table has, and their newest arrival so far.

    A row counts whatever its stamp says: its transaction may have committed late, or its tool may
    date it back. Once the clock has passed a stamp ahead of it, the row is an arrival.
    """
    table = (
        "select '{0}', count(*), max(loaded_at) filter (where loaded_at <= now()) "
        "from {1}.{0} where batch_id is null"
    )
    return " union all ".join(table.format(name, SCHEMA) for name in load_contracts(dbt_dir))


def _project_files(dbt_dir: Path) -> Iterator[Path]:
    """The files that decide what a build gives, in a fixed order."""
    for path in sorted(dbt_dir.rglob("*")):
        if path.suffix in PROJECT_SUFFIXES and path.relative_to(dbt_dir).parts[0] not in GENERATED:
            yield path
