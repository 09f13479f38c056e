"""Rows that look like a correction of an earlier load of the same file, but have other keys.

They do not replace what was loaded: both would count.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from o2r.bronze.mapping import FileMapping
from o2r.contracts import SCHEMA, Contract

LOOKED_AT = 1000
"""Rows of a file that are compared."""
PARTS = ("columns", "expressions", "constants", "dates", "numbers", "values")


def find_changed_keys(
    cursor: Cursor,
    contract: Contract,
    file: str,
    content: str,
    pattern: str | None,
    entry: FileMapping,
) -> str | None:
    """A line about keys that have changed since an earlier load of the file; None for none.

    Call it while `typed` holds the rows that are new. An earlier load is one in bronze of the same
    file name, the same content (its SHA-256) or the same pattern of the mapping.
    """
    cursor.execute(
        "select batch_id, source_file, mapping from ops.load_batches where table_name = %s "
        "and unloaded_at is null and inserted > 0 "
        "and (source_file = %s or file_checksum = %s or pattern = %s) "
        "order by source_file = %s desc, file_checksum is not distinct from %s desc, "
        "batch_id desc limit 1",
        (contract.table, file, content, pattern, file, content),
    )
    earlier = cursor.fetchone()
    if earlier is None or _any_known(cursor, contract):
        return None
    batch_id, its_file, mapping = earlier
    how = _mapped_otherwise(contract, mapping, entry) or _alike_but_for(cursor, contract)
    if how is None:
        return None
    way = f"load it with --replace, or take back batch {batch_id} (`o2r unload {batch_id}`)"
    return (
        f"{file}: no row has the key of one that bronze holds, but {how} since batch {batch_id} "
        f"({its_file}): if this is the same again, both count now: {way}"
    )


def _any_known(cursor: Cursor, contract: Contract) -> bool:
    """Whether a new row has the key of one in bronze, or there is no new row."""
    cursor.execute(
        sql.SQL(
            "select count(*) = 0 or bool_or(exists (select from {table} as known where {same})) "
            "from (select * from typed limit {limit}) as new"
        ).format(
            table=sql.Identifier(SCHEMA, contract.table),
            same=_equal(contract, contract.business_key),
            limit=sql.Literal(LOOKED_AT),
        )
    )
    return cursor.fetchone()[0]


def _mapped_otherwise(contract: Contract, mapping: dict | None, entry: FileMapping) -> str | None:
    """Which columns of the key the mapping fills otherwise than an earlier one did."""
    before, now = (mapping or {}), json.loads(entry.model_dump_json())
    changes = []
    for column in contract.business_key:
        old, new = (
            {part: filled[column] for part in PARTS if column in (filled := way.get(part) or {})}
            for way in (before, now)
        )
        if old != new:
            changes.append(f"{column} ({_in_words(old)} then, {_in_words(new)} now)")
    return f"the mapping fills its key otherwise, {', '.join(changes)}," if changes else None


def _in_words(parts: dict) -> str:
    return " ".join(f"{part} {json.dumps(value)}" for part, value in parts.items()) or "unmapped"


def _alike_but_for(cursor: Cursor, contract: Contract) -> str | None:
    """Which column of the key alone more than half of the rows differ in from one in bronze.

    Columns of text after the first, by which the rows are found; a later day is a later row.
    """
    first, *others = contract.business_key
    types = {column.name: column.data_type for column in contract.columns}
    for column in (name for name in others if types[name] == "text"):
        cursor.execute(
            sql.SQL(
                "select 2 * count(*) filter (where exists (select from {table} as known "
                "where {found} and {same})) > count(*) "
                "from (select * from typed limit {limit}) as new"
            ).format(
                table=sql.Identifier(SCHEMA, contract.table),
                found=_equal(contract, [first]),
                same=sql.SQL(" and ").join(
                    sql.SQL("new.{0} is not distinct from known.{0}").format(sql.Identifier(name))
                    for name in types
                    if name not in (first, column)
                ),
                limit=sql.Literal(LOOKED_AT),
            )
        )
        if cursor.fetchone()[0]:
            return f"most rows equal one of bronze in all but {column}"
    return None


def _equal(contract: Contract, names: Collection[str]) -> sql.Composable:
    """Compare columns in their normal form."""
    return sql.SQL(" and ").join(
        sql.SQL(f"{column.normal(f'new.{column.name}')} = {column.normal(f'known.{column.name}')}")
        for column in contract.columns
        if column.name in names
    )
