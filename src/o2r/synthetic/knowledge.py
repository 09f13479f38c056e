"""From when on a source knows a row: what it could have delivered by a given instant."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

KNOWN_AT = (
    "last_updated", "date_updated", "snapshot_date", "event_timestamp", "answered_at",
    "released_at", "updated_at", "done_at", "valid_from", "date",
)  # fmt: skip
"""Columns that hold the instant from which a source knows a row; the first one there counts.

Rows without any of them, such as holidays, were known before everything.
"""
WHILE_OPEN = {"done_at": "due_at"}
"""Column that counts where the instant is null."""
OLDEST = np.iinfo(np.int64).min // 2


def instants(column: pa.ChunkedArray) -> np.ndarray:
    """Microseconds (rows,) since 1970-01-01 of a column of dates or instants; null is the oldest.

    A date stands for its first instant.
    """
    kind = pa.timestamp("us", column.type.tz if pa.types.is_timestamp(column.type) else None)
    return column.cast(kind).cast(pa.int64()).fill_null(OLDEST).to_numpy()


def known_by(rows: pa.Table) -> str | None:
    """The column that tells from when a row is known, if the table has one."""
    return next((name for name in KNOWN_AT if name in rows.column_names), None)


def known_at(rows: pa.Table) -> np.ndarray:
    """Instant (rows,) from which the source knows each row, in microseconds since 1970-01-01."""
    name = known_by(rows)
    if name is None:
        return np.full(len(rows), OLDEST)
    if name in WHILE_OPEN:
        return instants(pc.coalesce(rows[name], rows[WHILE_OPEN[name]]))
    return instants(rows[name])


def known_within(rows: pa.Table, start: int | None, end: int) -> pa.Table:
    """The rows that the source has come to know from `start` on and before `end`.

    start, end: microseconds since 1970-01-01; None is before everything. A snapshot is taken at the
    end of the day before its date, so that revenue comes with the day that it closes.
    """
    known = known_at(rows) - (known_by(rows) == "snapshot_date")
    return rows.filter(pa.array((known >= (-np.inf if start is None else start)) & (known < end)))
