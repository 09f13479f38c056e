"""Tables built incrementally beside the same tables built in full, cell by cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from o2r.warehouse.query import text

SHOWN = 20
"""Differing rows listed per table."""


@dataclass(frozen=True)
class Table:
    """A table that dbt builds. `key`: the columns whose uniqueness a test of it asserts."""

    name: str
    schema: str
    is_incremental: bool
    key: tuple[str, ...]

    @property
    def identifier(self) -> sql.Identifier:
        """Schema and name."""
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True)
class Comparison:
    """What was compared, and a line for each difference."""

    tables: int
    rows: int
    cells: int
    differences: tuple[str, ...]


def built_tables(manifest: dict, *, only: Iterable[str] | None = None) -> list[Table]:
    """The tables of silver and gold in a dbt manifest, by name; `only`: those with these names."""
    keys = {
        node["attached_node"]: key
        for node in manifest["nodes"].values()
        if (node.get("test_metadata") or {}).get("name") == "valid_rows"
        and (key := _key(node["test_metadata"]["kwargs"]))
    }
    wanted = None if only is None else set(only)
    return sorted(
        (
            Table(
                node["name"],
                node["schema"],
                node["config"]["materialized"] == "incremental",
                tuple(keys.get(unique_id, ())),
            )
            for unique_id, node in manifest["nodes"].items()
            if node["resource_type"] == "model"
            and node["config"]["materialized"] in ("table", "incremental")
            and (wanted is None or node["name"] in wanted)
        ),
        key=lambda table: table.name,
    )


def _key(claims: dict) -> list[str]:
    """Columns that tell the rows of a table apart, by the claims of its test."""
    return claims.get("key") or claims.get("unique") or []


def compare(cursor: Cursor, incremental: list[Table], full: list[Table]) -> Comparison:
    """Compare every table built incrementally with the one of its name built in full."""
    in_full = {table.name: table for table in full}
    rows = cells = 0
    differences: list[str] = []
    for table in incremental:
        columns = _columns(cursor, table)
        found, count = _compare_table(cursor, table, in_full[table.name], columns)
        rows += count
        cells += count * len(columns)
        differences += found
    return Comparison(len(incremental), rows, cells, tuple(differences))


def fingerprints(cursor: Cursor, tables: list[Table]) -> dict[str, str | None]:
    """What a run with nothing to do must leave as it is, by table.

    Incremental tables: place and transaction of every row version. Others are written anew in each
    run: their rows in any order.
    """
    found = {}
    for table in tables:
        row = "concat(xmin, ctid)" if table.is_incremental else "cast(t as text)"
        cursor.execute(
            sql.SQL(f"select md5(string_agg({row}, ' ' order by {row})) from {{}} as t").format(
                table.identifier
            )
        )
        found[table.name] = cursor.fetchone()[0]
    return found


def _columns(cursor: Cursor, table: Table) -> list[str]:
    cursor.execute(
        "select column_name from information_schema.columns "
        "where table_schema = %s and table_name = %s order by ordinal_position",
        (table.schema, table.name),
    )
    return [name for (name,) in cursor.fetchall()]


def _compare_table(
    cursor: Cursor, incremental: Table, full: Table, columns: list[str]
) -> tuple[list[str], int]:
    """Lines on what differs, and the number of rows of the full table."""
    if columns != (expected := _columns(cursor, full)):
        return [f"{full.name}: columns are {columns}, in the full refresh {expected}"], 0
    cursor.execute(sql.SQL("select count(*) from {}").format(full.identifier))
    count = cursor.fetchone()[0]
    only_incremental = _rows_missing(cursor, incremental, full, columns)
    only_full = _rows_missing(cursor, full, incremental, columns)
    if not only_incremental and not only_full:
        return [], count
    key = list(incremental.key or columns)
    lines = _lines(full.name, key, columns, only_incremental, only_full)
    return lines, count


def _rows_missing(cursor: Cursor, of: Table, in_other: Table, columns: list[str]) -> list[tuple]:
    """The rows of one table that the other lacks; a row that one has more often counts too."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    cursor.execute(
        sql.SQL("select {0} from {1} except all select {0} from {2} order by {0}").format(
            names, of.identifier, in_other.identifier
        )
    )
    return cursor.fetchall()


def _lines(
    name: str,
    key: list[str],
    columns: list[str],
    only_incremental: list[tuple],
    only_full: list[tuple],
) -> list[str]:
    """A line per differing cell, or per row that only one of the tables has."""
    sides: dict[tuple, tuple[list, list]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((only_incremental, only_full)):
        for row in rows:
            sides[tuple(row[columns.index(column)] for column in key)][side].append(row)
    lines = []
    for values, (found, expected) in list(sides.items())[:SHOWN]:
        where = ", ".join(f"{c}={text(v)}" for c, v in zip(key, values, strict=True))
        if len(found) == len(expected) == 1:
            lines += [
                f"{name} ({where}) {column}: incremental {_shown(one)}, full refresh {_shown(two)}"
                for column, one, two in zip(columns, found[0], expected[0], strict=True)
                if one != two
            ]
        else:
            lines.append(
                f"{name} ({where}): {len(found)} rows incremental, {len(expected)} in the full "
                "refresh"
            )
    if len(sides) > SHOWN:
        lines.append(f"{name}: {len(sides) - SHOWN} more rows differ")
    return lines


def _shown(value: object) -> str:
    return "null" if value is None else text(value)
