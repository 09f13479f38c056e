"""Rows kept out of bronze, by reason, each with an example that tells nothing of a person."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from o2r.contracts import Column, Contract

Ask = Callable[[str], list[tuple]]
"""Runs SQL and returns its rows."""

MAY_SEE = "select has_column_privilege('ops.quarantined_rows', 'original', 'select')::text"
REASONS = """
with kept_out as (
    select
        rows.table_name, rows.reason, coalesce(rows.column_name, '') as column_name,
        rows.row_number, batches.source_file, batches.pattern, batches.mapping, {original},
        count(*) over reasons as row_count,
        row_number() over (reasons order by rows.batch_id desc, rows.row_number) as place
    from ops.quarantined_rows as rows
    join ops.load_batches as batches using (batch_id)
    where batches.unloaded_at is null
    window reasons as (partition by rows.table_name, rows.reason, rows.column_name)
)
select table_name, reason, column_name, row_count::text, source_file, row_number::text, pattern,
    mapping::text, original
from kept_out
where place = 1
order by table_name, row_count desc, reason
"""
IN_MAPPING = ("columns", "expressions", "constants", "dates", "numbers", "values", "cents")
"""Keys of a mapping under which a column of a table may stand, the most telling last."""
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ][\d:.+Z-]+)?")
NUMBER = re.compile(r"-?\d{1,8}([.,]\d{1,6})?")
WORD = re.compile(r"[\w-]{1,20}")
LONGEST = 40  # characters of a shape


@dataclass(frozen=True)
class KeptOut:
    """Rows of a table that were kept out for one reason.

    example: the value at fault of one of them, or its shape; None where no column is at fault, or
        whoever asks may not read it.
    where: file and row of the example. mapping: what to look at in mapping.yml, if that is known.
    """

    table: str
    reason: str
    rows: int
    column: str
    example: str | None
    where: str
    mapping: str | None


def kept_out(ask: Ask, contracts: dict[str, Contract]) -> list[KeptOut]:
    """Every reason for which rows were kept out of a table, the most frequent first."""
    [(may_see,)] = ask(MAY_SEE)
    original = "rows.original" if may_see == "true" else "null::text as original"
    found = []
    for table, reason, name, rows, file, row, pattern, mapping, text in ask(
        REASONS.format(original=original)
    ):
        entry = json.loads(mapping) if mapping else {}
        columns = {one.name: one for one in contracts[table].columns} if table in contracts else {}
        value = _value(text, name, columns.get(name), entry)
        found.append(
            KeptOut(
                table,
                reason,
                int(rows),
                name,
                None if value is None else shown(value, columns[name]),
                f"{file}, row {row}",
                _place(entry, pattern, name),
            )
        )
    return found


def shown(value: str, column: Column) -> str:
    """A value that looks like what the column holds, else its shape; of personal ones the length.

    In a row whose fields have slipped, any column may hold a name.
    """
    if column.pii:
        return f"personal, {len(value)} characters"
    kind = column.data_type.split("(")[0]
    form = None
    if kind in ("date", "timestamp", "timestamptz"):
        form = DATE
    elif kind in ("integer", "bigint", "numeric"):
        form = NUMBER
    elif column.words or column.known_from:
        form = WORD
    if form and form.fullmatch(value):
        return value
    shape = re.sub(r"\d", "9", re.sub(r"[^\W\d_]", "x", value))
    return shape if len(shape) <= LONGEST else shape[:LONGEST] + "…"


def _value(text: str | None, name: str, column: Column | None, entry: dict) -> str | None:
    """The value of a column in a row as delivered; None where no single field holds it."""
    if column is None or not text or not text.startswith("{"):
        return None
    try:
        fields: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError:
        return None
    if name in entry.get("expressions", {}) or name in entry.get("constants", {}):
        return None
    source = entry.get("columns", {}).get(name)
    for one in [source] if source else [name, *column.aliases]:
        value = fields.get(one)
        if isinstance(value, str | int | float) and not str(value).startswith(("{", "[")):
            return str(value)
    return None


def _place(entry: dict, pattern: str | None, name: str) -> str | None:
    """Key of the mapping that says what a column is made of, such as files, A.csv, columns, x."""
    if not pattern:
        return None
    found = [key for key in IN_MAPPING if name and name in entry.get(key, {})]
    return ": ".join(["files", pattern, *([found[-1], name] if found else [])])
