"""Tables of another engine become tables of PostgreSQL, aside, ready for an exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import IO, Any

import psycopg2
import pyarrow as pa
import pyarrow.csv as pa_csv
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from o2r.errors import UserError
from o2r.lake.engines import Engine
from o2r.lake.stream import through_pipe
from o2r.warehouse.query import Session

TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_string, "text"),
    (pa.types.is_large_string, "text"),
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int8, "smallint"),
    (pa.types.is_int16, "smallint"),
    (pa.types.is_int32, "integer"),
    (pa.types.is_int64, "bigint"),
    (pa.types.is_float64, "double precision"),
    (pa.types.is_date32, "date"),
    (pa.types.is_timestamp, "timestamp"),
)
NOTED = """
insert into ops.table_states
    (schema_name, table_name, target, layer, reads, inputs, noted_at, changed_at, row_count,
    checksum)
select %(place)s, %(table)s, 'prod', %(layer)s, %(reads)s, null, %(at)s, %(at)s, count(*),
    coalesce(sum(hash_record_extended(whole_row, 0)), 0)
from {} as whole_row
"""


def hand_back(
    session: Session, engine: Engine, node: dict[str, Any], place: str, at: datetime
) -> int:
    """Make the table of a model in the schema `place` of PostgreSQL; return its rows.

    node: of the engine's manifest. at: when it was made; the same of all tables that are handed
    back together, or one would be older than what it is made from. Readers get what the model
    grants, and `o2r health` what the table holds. Raises UserError for a value that does not fit
    the type its contract says.
    """
    table = sql.Identifier(place, node["alias"])
    layer = "gold" if node["fqn"][1] == "marts" else "silver"
    parents = (key.split(".") for key in node["depends_on"]["nodes"])
    reads = sorted({name for kind, _, name, *_ in parents if kind != "source"})
    try:
        with session.transaction() as cursor:
            count = copy_in(cursor, engine, node, place)
            for index in node["config"].get("indexes") or []:
                names = sql.SQL(", ").join(map(sql.Identifier, index["columns"]))
                cursor.execute(sql.SQL("create index on {} ({})").format(table, names))
            for role in (node["config"].get("grants") or {}).get("select", []):
                cursor.execute(
                    sql.SQL("grant select on {} to {}").format(table, sql.Identifier(role))
                )
            noted = {"place": place, "table": node["alias"], "layer": layer, "reads": reads}
            cursor.execute(sql.SQL(NOTED).format(table), noted | {"at": at})
            cursor.execute(sql.SQL("analyze {}").format(table))
            return count
    except psycopg2.Error as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{node['name']} cannot be handed back: {reason}") from None


def copy_in(
    cursor: Cursor, engine: Engine, node: dict[str, Any], place: str, *, temporary: bool = False
) -> int:
    """Create the table of a node, filled with the engine's rows; return how many.

    Its types are those of the contract, where the node has one, else those of the engine.
    """
    rows = engine.read(node["schema"], node["alias"])
    declared = {name: column.get("data_type") for name, column in node["columns"].items()}
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(
            sql.Identifier(field.name),
            sql.SQL(declared.get(field.name) or _type(node["name"], field)),
        )
        for field in next(rows).schema
    )
    table = sql.Identifier(place, node["alias"])
    word = sql.SQL("temporary table" if temporary else "table")
    cursor.execute(sql.SQL("create {} {} ({})").format(word, table, columns))
    _copy(cursor, table, rows)
    return cursor.rowcount


def _copy(cursor: Cursor, table: sql.Composable, rows: Iterator[pa.RecordBatch]) -> None:
    """Stream record batches into a table."""
    options = pa_csv.WriteOptions(include_header=False)
    copy = sql.SQL("copy {} from stdin (format csv)").format(table)

    def write(pipe: IO[bytes]) -> None:
        for batch in rows:
            pa_csv.write_csv(batch, pipe, options)

    through_pipe(write, lambda pipe: cursor.copy_expert(copy, pipe))


def _type(model: str, field: pa.Field) -> str:
    """PostgreSQL's type for a column of Arrow's."""
    if pa.types.is_decimal(field.type):
        return f"numeric({field.type.precision},{field.type.scale})"
    for is_one, name in TYPES:
        if is_one(field.type):
            return name
    raise UserError(f"{model}.{field.name} is of type {field.type}, which PostgreSQL does not have")
