"""Whether an engine made the same tables as PostgreSQL, cell by cell."""

from __future__ import annotations

from typing import NamedTuple

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from o2r.builds.manifests import Manifest, relations
from o2r.lake.engines import Engine
from o2r.lake.hand_back import copy_in
from o2r.warehouse.query import Session


class Difference(NamedTuple):
    """One table that differs: rows that only one side has, and the columns in which they do."""

    table: str
    only_engine: int
    only_postgres: int
    columns: list[str]

    def __str__(self) -> str:
        return (
            f"{self.table}: {self.only_engine} rows only of the engine, {self.only_postgres} only "
            f"of PostgreSQL (columns: {', '.join(self.columns) or 'none alone'})"
        )


def compare(session: Session, engine: Engine, manifest: Manifest) -> tuple[int, list[Difference]]:
    """Compare silver's tables and gold as PostgreSQL has built them with those of the engine.

    manifest: of the engine. Returns how many cells were compared, and the tables that differ. The
    engine's tables are read into temporary ones of the types that PostgreSQL's have.
    """
    cells, found = 0, []
    for node in relations(manifest).values():
        if node["resource_type"] != "model" or node["config"]["materialized"] == "view":
            continue
        with session.transaction() as cursor:
            table = sql.Identifier(node["schema"], node["alias"])
            columns = _columns(cursor, node["schema"], node["alias"])
            copy_in(cursor, engine, node | {"columns": columns}, "pg_temp", temporary=True)
            other = sql.Identifier("pg_temp", node["alias"])
            names = list(columns)
            ours, theirs = (_only(cursor, a, b, names) for a, b in ((other, table), (table, other)))
            if ours or theirs:
                differing = [name for name in names if _only(cursor, other, table, [name])]
                found.append(Difference(node["name"], ours, theirs, differing))
            cursor.execute(sql.SQL("select count(*) from {}").format(table))
            cells += cursor.fetchone()[0] * len(names)
            cursor.execute(sql.SQL("drop table {}").format(other))
    return cells, found


def _columns(cursor: Cursor, schema: str, table: str) -> dict[str, dict[str, str]]:
    """Names and types of a table's columns, as a manifest has them."""
    cursor.execute(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute "
        "where attrelid = to_regclass(format('%%I.%%I', %s, %s)) and attnum > 0 "
        "and not attisdropped order by attnum",
        (schema, table),
    )
    return {name: {"data_type": kind} for name, kind in cursor.fetchall()}


def _only(cursor: Cursor, one: sql.Composable, other: sql.Composable, columns: list[str]) -> int:
    """Rows of one table that the other does not have, each as often."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    cursor.execute(
        sql.SQL(
            "select count(*) from (select {names} from {one} except all "
            "select {names} from {other}) as only_here"
        ).format(names=names, one=one, other=other)
    )
    return cursor.fetchone()[0]
