"""The tables of now against what they held when they were built, see ops.table_states."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg2 import sql

from o2r.warehouse.query import Session


class Table(NamedTuple):
    """A table: what its last build noted, and how it is now (count and checksum: None if gone).

    newer: tables it is made from whose rows have changed since it was built.
    """

    layer: str
    schema: str
    name: str
    noted_at: datetime
    row_count: int
    checksum: object
    newer: Sequence[str]
    count_now: int | None = None
    checksum_now: object = None

    @property
    def fault(self) -> str | None:
        """What is wrong with it, in a few words; None when it is as it was built."""
        if self.count_now is None:
            return f"is gone ({self.row_count} rows when built)"
        if self.count_now != self.row_count:
            return f"has {self.count_now} rows, {self.row_count} when built"
        if self.checksum_now != self.checksum:
            return f"has other values than when built ({self.row_count} rows)"
        if self.newer:
            return f"is older than what it is made from: {', '.join(self.newer)}"
        return None


def look(session: Session, target: str) -> list[Table]:
    """Count and hash every table that dbt has built for a target, as it is now."""
    noted = session.query(
        "select states.layer, states.schema_name, states.table_name, states.noted_at, "
        "states.row_count, states.checksum, array(select parent.table_name "
        " from ops.table_states parent where parent.target = states.target "
        " and parent.table_name = any(states.reads) and parent.changed_at > states.noted_at "
        " order by 1), "
        "to_regclass(format('%%I.%%I', states.schema_name, states.table_name)) is not null "
        "from ops.table_states states where target = %s order by 1, 2, 3",
        target,
    )
    there = [Table(*row[:-1]) for row in noted if row[-1]]
    if not there:
        return [Table(*row[:-1]) for row in noted]
    statement = sql.SQL(" union all ").join(
        sql.SQL(
            "select {}, {}, count(*), "
            "coalesce(sum(hash_record_extended(whole_row, 0)), 0) from {} as whole_row"
        ).format(
            sql.Literal(table.schema),
            sql.Literal(table.name),
            sql.Identifier(table.schema, table.name),
        )
        for table in there
    )
    now = {(schema, name): found for schema, name, *found in session.query(statement)}
    return [
        table._replace(**dict(zip(("count_now", "checksum_now"), now[key], strict=True)))
        if (key := (row[1], row[2])) in now
        else table
        for row in noted
        for table in [Table(*row[:-1])]
    ]


def bronze_lost(session: Session, target: str) -> list[tuple[str, int, int, bool]]:
    """Bronze tables with fewer rows than the last complete run, loads and unloads say.

    Returns table, rows now, rows expected at least, and whether ops.changed_days has noted why.
    """
    expected = session.query(
        "with newest as (select build_id, finished_at from ops.builds where target = %s "
        "and outcome = 'succeeded' and build_id in (select build_id from ops.row_counts) "
        "order by build_id desc limit 1) "
        "select counts.table_name, counts.row_count + coalesce((select sum(case "
        " when batches.finished_at <= newest.finished_at then -inserted "
        " when unloaded_at is null then inserted end) "
        " from ops.load_batches batches where batches.table_name = counts.table_name "
        " and (batches.finished_at > newest.finished_at or unloaded_at > newest.finished_at)"
        "), 0)::bigint, "
        "exists (select from ops.changed_days days where days.table_name = counts.table_name "
        " and days.kind = 'edit' and days.noted_at > newest.finished_at) "
        "from newest join ops.row_counts counts using (build_id) where counts.layer = 'bronze'",
        target,
    )
    if not expected:
        return []
    now = dict(
        session.query(
            " union all ".join(
                f"select '{table}', count(*) from raw_bronze.{table}" for table, *_ in expected
            ),
        )
    )
    return [
        (table, now[table], rows, is_noted)
        for table, rows, is_noted in expected
        if now[table] < rows
    ]
