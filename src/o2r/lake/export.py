"""`o2r lake export`: the rows of bronze that models count, as Parquet files by day.

`<lake>/<table>/day=<day>/*.parquet` holds the rows of one day (UTC) of a table that has days in its
contract, day=all those of any other; `<lake>/<table>/_notes.json` what each day held when it was
written. Days that hold something else by now are written again, whatever has changed them. What the
contract forbids is left out, as by the models; instants are naive UTC timestamps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any

import psycopg2
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.dataset as ds
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq
from psycopg2.extensions import cursor as Cursor

from o2r.bronze.faults import is_forbidden
from o2r.contracts import DECIMAL, SCHEMA, Column, Contract, load_contracts
from o2r.errors import UserError
from o2r.lake.stream import through_pipe
from o2r.settings import Settings
from o2r.warehouse.query import Session

NOTES, WHOLE, EMPTY = "_notes.json", "all", "none"
LOADED_AT = Column("loaded_at", "timestamptz", "Instant at which the row came into the warehouse.")
ARROW = {
    "text": pa.string(),
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us"),
}


@dataclass(frozen=True)
class Exported:
    """What an export wrote: tables looked at, days written, rows in them."""

    tables: int
    days: int
    rows: int


@dataclass(frozen=True)
class Lake:
    """A folder, or a bucket by its URL (s3://bucket/path)."""

    url: str

    @property
    def files(self) -> pa_fs.FileSystem:
        """The file system whose root the lake is. Raises UserError where it cannot be reached."""
        try:
            if "://" in self.url:
                system, path = pa_fs.FileSystem.from_uri(self.url)
            else:
                system, path = pa_fs.LocalFileSystem(), self.url
            return pa_fs.SubTreeFileSystem(path, system)
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"lake {self.url}: {error}: check O2R_LAKE") from None


def lake_of(settings: Settings) -> Lake:
    """Where the exported files of this database lie: O2R_LAKE, else a folder of O2R_HOME."""
    place = settings.lake or str(settings.home / "lake")
    return Lake(f"{place.rstrip('/')}/{settings.database}")


def arrow_schema(contract: Contract) -> pa.Schema:
    """Columns of the exported files of a table."""
    return pa.schema([(column.name, _type(column)) for column in _columns(contract)])


def export(session: Session, lake: Lake) -> Exported:
    """Write what has changed in bronze since the last export; the same rows again are no work.

    A killed export leaves days without a note, which the next one writes again.
    Raises UserError where the lake cannot be written, or a row cannot be told to other engines.
    """
    contracts = load_contracts(session.settings.dbt_dir)
    versions = dict(session.query("select * from ops.bronze_versions(%s)", sorted(contracts)))
    days = rows = 0
    for name, contract in sorted(contracts.items()):
        try:
            with session.transaction() as cursor:
                written = _export_table(cursor, contract, lake.files, versions[name])
        except psycopg2.Error as error:
            raise UserError(f"lake: {name}: {' '.join(str(error).split())}") from None
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"lake {lake.url}: {name}: {error}") from None
        days += len(written)
        rows += sum(count for count, _ in written.values())
    return Exported(len(contracts), days, rows)


def _export_table(
    cursor: Cursor, contract: Contract, files: pa_fs.FileSystem, version: str
) -> dict[str, list]:
    """Write the changed days of a table; return row count and hash of each of them."""
    shape = _sha256([arrow_schema(contract).to_string(), is_forbidden(contract)])
    notes = _read(files, contract.table)
    if notes.get("shape") != shape:
        notes = {"shape": shape, "days": {}}
    if notes.get("version") == version:
        return {}
    cursor.execute("set transaction isolation level repeatable read, read only")
    cursor.execute(_days_query(contract))
    found = {day: [count, str(rows_hash)] for day, count, rows_hash in cursor.fetchall()}
    noted = notes["days"]
    changed = {day: what for day, what in found.items() if noted.get(day) != what}
    gone = noted.keys() - found.keys()
    for day in (*changed, *gone):
        noted.pop(day, None)
    _write(files, contract.table, {key: notes[key] for key in ("shape", "days")})
    if not files.get_file_info(f"{contract.table}/day={EMPTY}").is_file:
        files.create_dir(f"{contract.table}/day={EMPTY}")
        pq.write_table(
            arrow_schema(contract).empty_table(),
            f"{contract.table}/day={EMPTY}/part-0.parquet",
            filesystem=files,
        )
    for day in gone:
        files.delete_dir(f"{contract.table}/day={day}")
    if changed:
        _write_days(cursor, contract, files, changed, is_all=len(changed) == len(found))
    _write(files, contract.table, {"shape": shape, "days": noted | changed, "version": version})
    return changed


def _write_days(
    cursor: Cursor,
    contract: Contract,
    files: pa_fs.FileSystem,
    days: Iterable[str],
    *,
    is_all: bool,
) -> None:
    """Stream rows out of PostgreSQL into the files of their days, which they replace."""
    schema = arrow_schema(contract)
    listed = ", ".join(f"'{day}'" for day in days)
    where = "" if is_all or not contract.event_day else f"and {contract.event_day} in ({listed})"
    select = (
        f"select {', '.join(map(_value, _columns(contract)))}, {_day(contract)} "
        f"from {SCHEMA}.{contract.table} where not {is_forbidden(contract)} {where}"
    )
    options = pa_csv.ConvertOptions(
        column_types={**{field.name: field.type for field in schema}, "day": pa.string()},
        null_values=[""],
        true_values=["t"],
        false_values=["f"],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )

    def read(pipe: IO[bytes]) -> None:
        rows = pa_csv.open_csv(
            pipe,
            read_options=pa_csv.ReadOptions(column_names=[*schema.names, "day"]),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=options,
        )
        ds.write_dataset(
            rows,
            contract.table,
            format="parquet",
            filesystem=files,
            partitioning=ds.partitioning(pa.schema([("day", pa.string())]), flavor="hive"),
            existing_data_behavior="delete_matching",
            max_partitions=100_000,
            max_open_files=400,
        )

    copy = f"copy ({select}) to stdout (format csv)"
    through_pipe(lambda pipe: cursor.copy_expert(copy, pipe), read)


def _days_query(contract: Contract) -> str:
    """Each day of a table that holds rows, with their count and a hash of them in no order."""
    values = ", ".join(column.name for column in _columns(contract))
    return (
        f"select {_day(contract)} as day, count(*), sum(hash_record_extended(row({values}), 0)) "
        f"from {SCHEMA}.{contract.table} where not {is_forbidden(contract)} group by 1"
    )


def _day(contract: Contract) -> str:
    return f"cast({contract.event_day} as text)" if contract.event_day else f"'{WHOLE}'"


def _columns(contract: Contract) -> tuple[Column, ...]:
    return (*contract.columns, LOADED_AT)


def _value(column: Column) -> str:
    """SQL of a column as it is exported."""
    return f"timezone('UTC', {column.name})" if column.data_type == "timestamptz" else column.name


def _type(column: Column) -> pa.DataType:
    if decimal := DECIMAL.fullmatch(column.data_type):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    return ARROW[column.data_type]


def _read(files: pa_fs.FileSystem, table: str) -> dict[str, Any]:
    """The notes of a table; none where there are none, or only a part of them."""
    try:
        with files.open_input_stream(f"{table}/{NOTES}") as file:
            return json.loads(file.read())
    except (FileNotFoundError, ValueError):
        return {}


def _write(files: pa_fs.FileSystem, table: str, notes: dict[str, Any]) -> None:
    """Replace the notes of a table, as a whole."""
    files.create_dir(table)
    with files.open_output_stream(f"{table}/{NOTES}.new") as file:
        file.write(json.dumps(notes).encode())
    files.move(f"{table}/{NOTES}.new", f"{table}/{NOTES}")


def _sha256(what: Any) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()
