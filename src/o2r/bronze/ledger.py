"""ops.load_batches: what was loaded, whether a file is news, and taking batches back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from o2r.contracts import SCHEMA
from o2r.errors import UserError
from o2r.warehouse import locks

SHOWN = 5
"""Batches named in a message."""


@dataclass(frozen=True)
class Batch:
    """A batch that is in bronze, or was until it was taken back.

    rows:     its rows in bronze, or those that left it.
    holds:    rows that later batches delivered again: in bronze they are under this batch only.
    later:    those later batches and their files, the newest first.
    """

    batch_id: int
    source_file: str
    table: str
    loaded_at: datetime
    inserted: int
    rows: int
    holds: int
    later: tuple[str, ...]


def lock(cursor: Cursor, table: str) -> None:
    """Wait for other loads of a table; what they wait for is committed when they go on."""
    locks.name_session(cursor, f"load {table}")
    locks.acquire(cursor, locks.LOAD, table, until_commit=True)


def is_loaded(
    cursor: Cursor, table: str, file: str, checksum: str, together: Sequence[str]
) -> bool:
    """Whether this content is in bronze, and the newest there is of its file.

    A content that another one of the same file name has followed is news when it comes again.
    together: checksums of all entries that the mapping has for the file.
    """
    cursor.execute(
        "select exists (select from ops.load_batches same "
        "where table_name = %(table)s and checksum = %(checksum)s and unloaded_at is null "
        "and not exists (select from ops.load_batches newer "
        " where newer.table_name = same.table_name and newer.batch_id > same.batch_id "
        " and newer.checksum <> all(%(together)s) and newer.unloaded_at is null "
        " and newer.source_file in (same.source_file, %(file)s)))",
        {"table": table, "file": file, "checksum": checksum, "together": list(together)},
    )
    return cursor.fetchone()[0]


def taken_back(cursor: Cursor, table: str, checksum: str) -> int | None:
    """The newest batch of this content, when it was taken back."""
    cursor.execute(
        "select batch_id, unloaded_at from ops.load_batches "
        "where table_name = %s and checksum = %s order by batch_id desc limit 1",
        (table, checksum),
    )
    found = cursor.fetchone()
    return found[0] if found and found[1] else None


def batches_of(cursor: Cursor, file: str, table: str | None = None) -> list[int]:
    """Batches of a file name that are in bronze, the oldest first."""
    cursor.execute(
        "select batch_id from ops.load_batches where source_file = %s "
        "and coalesce(table_name = %s, true) and unloaded_at is null order by batch_id",
        (file, table),
    )
    return [batch_id for (batch_id,) in cursor.fetchall()]


def look_up(cursor: Cursor, batch_ids: Collection[int]) -> list[Batch]:
    """The batches with these numbers. Raises UserError for one that is not in bronze."""
    cursor.execute(
        "select batch_id, source_file, table_name, loaded_at, inserted, unloaded_at "
        "from ops.load_batches where batch_id = any(%s) order by batch_id",
        (list(batch_ids),),
    )
    found = cursor.fetchall()
    for missing in sorted(set(batch_ids) - {row[0] for row in found}):
        raise UserError(f"there is no batch {missing}: see ops.load_batches")
    batches = []
    for batch_id, file, table, loaded_at, inserted, unloaded_at in found:
        if unloaded_at:
            raise UserError(f"batch {batch_id} ({file}) was taken back at {unloaded_at:%F %T} UTC")
        holds, later = _held_for_others(cursor, batch_id, table, batch_ids)
        cursor.execute(
            sql.SQL("select count(*) from {} where batch_id = %s").format(
                sql.Identifier(SCHEMA, table)
            ),
            (batch_id,),
        )
        rows = cursor.fetchone()[0]
        batches.append(Batch(batch_id, file, table, loaded_at, inserted, rows, holds, later))
    return batches


def take_back(cursor: Cursor, batch_ids: Collection[int], *, force: bool) -> list[Batch]:
    """Delete the rows of batches from bronze, and note it in the ledger, in this transaction.

    The caller holds the locks of their tables. Triggers of the tables note the days touched.
    force: also rows that later batches delivered again, and so are lost with these.
    Raises UserError for a batch that is not in bronze, and without force for one with such rows.
    """
    batches = look_up(cursor, batch_ids)
    for batch in batches:
        if batch.later and not force:
            raise UserError(_lost(batch))
    for batch in batches:
        cursor.execute(
            sql.SQL("delete from {} where batch_id = %s").format(
                sql.Identifier(SCHEMA, batch.table)
            ),
            (batch.batch_id,),
        )
        cursor.execute(
            "update ops.load_batches set unloaded_at = clock_timestamp(), unloaded = %s "
            "where batch_id = %s",
            (cursor.rowcount, batch.batch_id),
        )
    return batches


def note_replaced(cursor: Cursor, batches: Sequence[Batch], instead: int) -> None:
    """Note which batch came for those taken back."""
    cursor.execute(
        "update ops.load_batches set replaced_by = %s where batch_id = any(%s)",
        (instead, [batch.batch_id for batch in batches]),
    )


def note_repeated(cursor: Cursor, batch_id: int, held_by: Mapping[int, int]) -> None:
    """Note under which earlier batches (batch -> rows) the duplicates of a batch are in bronze."""
    cursor.executemany(
        "insert into ops.repeated_rows values (%s, %s, %s)",
        [(batch_id, earlier, rows) for earlier, rows in held_by.items()],
    )


def _held_for_others(
    cursor: Cursor, batch_id: int, table: str, going: Collection[int]
) -> tuple[int, tuple[str, ...]]:
    """Rows of a batch that later ones repeated, and these; of old loads it is not known whose."""
    cursor.execute(
        "select later.batch_id, later.source_file, "
        "case when later.file_checksum is null then later.duplicate else held.row_count end "
        "from ops.load_batches later left join ops.repeated_rows held "
        "on held.batch_id = later.batch_id and held.held_by = %(batch)s "
        "where later.table_name = %(table)s and later.batch_id > %(batch)s "
        "and later.unloaded_at is null and later.batch_id <> all(%(going)s) "
        "and (held.row_count > 0 or later.file_checksum is null and later.duplicate > 0) "
        "order by later.batch_id desc",
        {"batch": batch_id, "table": table, "going": list(going)},
    )
    found = cursor.fetchall()
    return sum(row[2] for row in found), tuple(f"{number} ({file})" for number, file, _ in found)


def _lost(batch: Batch) -> str:
    names = ", ".join(batch.later[:SHOWN])
    more = f" and {len(batch.later) - SHOWN} more" if len(batch.later) > SHOWN else ""
    return (
        f"nothing taken back: later batches delivered up to {batch.holds} rows of batch "
        f"{batch.batch_id} ({batch.source_file}) again, which are in bronze only once and would go "
        f"with it: {names}{more}: take it back with --force, then load those files again with "
        "`o2r load --replace`"
    )
