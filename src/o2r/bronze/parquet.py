"""Reading Parquet: column names, and rows as blocks of CSV text."""

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from o2r.bronze.records import Record, printable, unreadable
from o2r.errors import UserError

if TYPE_CHECKING:
    from o2r.bronze.files import DataFile

ROWS = 50_000  # per block
READ_AT_ONCE = 1 << 20  # bytes, of one column


def parquet_names(file: "DataFile") -> list[str]:
    """Return the column names. Raises UserError for a broken file, a nested or a binary column."""
    try:
        schema = pq.read_schema(file.path)
    except (pa.ArrowException, OSError):
        raise UserError(f"{file.name}: not a readable Parquet file: deliver it again") from None
    for field in schema:
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type):
            raise UserError(
                f"{file.name}: column '{field.name}' is of type {field.type}: write it as text"
            )
    if not schema.names:
        raise UserError(f"{file.name}: no columns: deliver it again")
    return schema.names


def parquet_blocks(file: "DataFile", report: Callable[[int], None]) -> Iterator[bytes]:
    """Yield the rows as CSV without a header; null is an empty field, instants keep their zone.

    `report` gets the number of bytes read so far. Raises UserError for content without a text form.
    """
    options = pa_csv.WriteOptions(include_header=False)
    for texts in _batches(file, report):
        buffer = io.BytesIO()
        pa_csv.write_csv(texts, buffer, options)
        yield buffer.getvalue()


def parquet_records(file: "DataFile", report: Callable[[int], None]) -> Iterator[Record]:
    """Yield the rows as records of o2r.bronze.records, where one holds what PostgreSQL cannot."""
    for texts in _batches(file, report):
        for fields in zip(*(column.to_pylist() for column in texts.columns), strict=True):
            line = ",".join(field or "" for field in fields)
            problem = unreadable(line)
            yield (problem, [printable(line)]) if problem else (None, list(fields))


def _batches(file: "DataFile", report: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    try:
        with file.path.open("rb") as stream:
            # by itself it holds on to all that it has read, until the end of the file
            source = pq.ParquetFile(stream, pre_buffer=False, buffer_size=READ_AT_ONCE)
            for batch in source.iter_batches(ROWS):
                texts = [column.cast(pa.string()) for column in batch.columns]
                report(stream.tell())
                yield pa.RecordBatch.from_arrays(texts, batch.schema.names)
    except pa.ArrowException as error:
        raise UserError(f"{file.name}: not a readable Parquet file: {error}") from None
