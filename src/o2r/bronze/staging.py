"""Streaming a file into a temporary table: `typed`, or `incoming` with all columns text.

Both have `_row`, the record in the file from 1 on. `typed` has the columns of the contract,
`incoming` those of the source and `_problem` (why a line could not be read, else null; the line as
delivered then stands in the first column).
Memory stays flat whatever the size of the file.
"""

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from psycopg2 import DataError, sql
from psycopg2.extensions import cursor as Cursor

from o2r.bronze.columns import NO_VALUE
from o2r.bronze.files import BLOCK, DataFile, open_bytes, open_text, staged_name
from o2r.bronze.json_files import open_rows
from o2r.bronze.records import Record, csv_records, json_records
from o2r.bronze.survey import DAY, INSTANT, NUMBER, FormCheck, Survey
from o2r.contracts import Column, Contract

Report = Callable[[int], None]
"""Called with the bytes read so far."""
FORMS = {"date": DAY, "timestamp": INSTANT, "timestamptz": INSTANT, "integer": NUMBER}
FORMS |= {"bigint": NUMBER, "numeric(18,6)": NUMBER}
"""By type: the form in which a value needs no look at its letters; other types take any text."""


def stage_typed(
    cursor: Cursor,
    file: DataFile,
    look: Survey,
    contract: Contract,
    values: Mapping[str, sql.Composable],
    report: Report,
) -> int | None:
    """Create and fill `typed` straight from the file; returns how many rows.

    values: SQL text expression of each contract column, as o2r.bronze.mapping.convert gives them.
    None, with nothing done, where a value is not just a field of the file, is not in the form that
    its type needs, or is refused by PostgreSQL.
    """
    fills: dict[str, Column] = {}
    for column in contract.columns:
        value = values[column.name]
        if value == NO_VALUE:
            continue
        if not isinstance(value, sql.Identifier) or value.string in fills:
            return None
        fills[value.string] = column
    filled = [fills.get(staged_name(name)) for name in look.names]
    needed = [FORMS.get(column.data_type) if column else None for column in filled]
    blocks = None
    if file.format == "parquet":
        blocks = _plain_blocks(_parquet_blocks(file, report), needed)
    elif not look.forms or not _are_met(needed, look.forms):
        return None
    names = [column.name if column else f"_{number}" for number, column in enumerate(filled)]
    types = {column.name: column.data_type for column in contract.columns}
    types = dict.fromkeys(names, "text") | types
    if blocks:
        is_done = _stage_blocks(cursor, names, types, blocks)
    else:
        is_done = _stage_raw_csv(cursor, file, look, report, names, types)
    return cursor.rowcount if is_done else None


def _plain_blocks(blocks: Iterator[bytes], needed: Sequence[str | None]) -> Iterator[bytes]:
    """Blocks of whole rows as they are. Raises DataError at a value not in the form needed."""
    check = FormCheck(",", len(needed))
    for block in blocks:
        check.feed(block)
        if not _are_met(needed, check.finish()):
            raise DataError("a value is not in its plain form")
        yield block


def _are_met(needed: Sequence[str | None], forms: Sequence[Collection[str]]) -> bool:
    return all(form is None or form in found for form, found in zip(needed, forms, strict=True))


def _parquet_blocks(file: DataFile, report: Report) -> Iterator[bytes]:
    from o2r.bronze.parquet import parquet_blocks  # only here: it takes a while to import

    return parquet_blocks(file, report)


def stage(cursor: Cursor, file: DataFile, look: Survey, report: Report) -> None:
    """Create and fill `incoming`, with the source columns that the survey found.

    A regular CSV goes byte for byte into COPY; where COPY refuses it, and for NDJSON, Python reads
    record by record. Raises UserError for a broken file.
    """
    names = [staged_name(name) for name in look.names]
    if file.format == "parquet":
        if not _stage_blocks(cursor, names, None, _parquet_blocks(file, report)):
            from o2r.bronze.parquet import parquet_records

            _stage_records(cursor, names, parquet_records(file, report))
    elif file.format == "ndjson":
        with open_rows(file, report) as rows:
            _stage_records(cursor, names, json_records(rows, look.names))
    elif not (look.regular and _stage_raw_csv(cursor, file, look, report, names)):
        with open_text(file, report, skip=look.start) as lines:
            _stage_records(cursor, names, csv_records(lines, len(names), file.separator))


def _stage_raw_csv(
    cursor: Cursor,
    file: DataFile,
    look: Survey,
    report: Report,
    names: Sequence[str],
    types: Mapping[str, str] | None = None,
) -> bool:
    """COPY the bytes as they are; False, with nothing changed, when COPY refuses them."""
    with open_bytes(file, report) as stream:
        stream.read(look.start)
        blocks = iter(lambda: stream.read(BLOCK), b"")
        return _stage_blocks(cursor, names, types, blocks, file.separator)


def _stage_blocks(
    cursor: Cursor,
    names: Sequence[str],
    types: Mapping[str, str] | None,
    blocks: Iterator[bytes],
    separator: str = ",",
) -> bool:
    """Fill `typed` when there are types, else `incoming`."""
    cursor.execute("savepoint raw_copy")
    try:
        if types:
            _create(cursor, "typed", types)
            _copy(cursor, "typed", names, blocks, separator)
        else:
            _create_incoming(cursor, names)
            _copy(cursor, "incoming", names, blocks, separator)
    except DataError:
        cursor.execute("rollback to savepoint raw_copy")
        return False
    return True


def _stage_records(cursor: Cursor, names: Sequence[str], records: Iterable[Record]) -> None:
    _create_incoming(cursor, names)
    _copy(cursor, "incoming", ["_row", "_problem", *names], _record_blocks(records, len(names)))


def _record_blocks(records: Iterable[Record], width: int) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for number, (problem, fields) in enumerate(records, start=1):
        writer.writerow([number, problem, *fields, *[None] * (width - len(fields))])
        if buffer.tell() > BLOCK:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _create_incoming(cursor: Cursor, names: Sequence[str]) -> None:
    _create(cursor, "incoming", dict.fromkeys(("_problem", *names), "text"))


def _create(cursor: Cursor, table: str, types: Mapping[str, str]) -> None:
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(data_type))
        for name, data_type in types.items()
    )
    cursor.execute(
        sql.SQL(
            "create temp table {} (_row bigint generated by default as identity "
            "(cache 1000), {}) on commit drop"
        ).format(sql.Identifier(table), columns)
    )


def _copy(
    cursor: Cursor, table: str, names: Sequence[str], blocks: Iterator[bytes], separator: str = ","
) -> None:
    """COPY blocks of CSV, the columns in the order of `names`; an empty field is null."""
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    source = _Blocks(blocks)
    cursor.copy_expert(
        sql.SQL("copy {2} ({0}) from stdin (format csv, delimiter {1}, force_null ({0}))").format(
            columns, sql.Literal(separator), sql.Identifier(table)
        ),
        source,
    )
    if source.error:
        raise source.error


class _Blocks:
    """Blocks of bytes as the file that psycopg2 wants; the size asked for does not matter.

    error: why they broke off; psycopg2 would make words of it.
    """

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self.error: Exception | None = None

    def read(self, _size: int) -> bytes:
        try:
            return next((block for block in self._blocks if block), b"")
        except Exception as error:
            self.error = error
            return b""
