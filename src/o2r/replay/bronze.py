"""One evening's deliveries into bronze, as if they had come on that evening."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from o2r.bronze.loader import BatchResult, Replace, load
from o2r.bronze.unload import find, unload
from o2r.contracts import SCHEMA
from o2r.replay.plan import Evening, File, Insert, Plan
from o2r.settings import Settings
from o2r.warehouse import connect


def deliver(settings: Settings, plan: Plan, evening: Evening, folder: Path) -> Counter[str]:
    """Load an evening's files, do what another tool does, take files back; rows by fault.

    Rows that come to nothing do not count: repeated rows count when they are not loaded again,
    all others when they are in bronze.
    """
    touched: Counter[str] = Counter()
    results = _load(settings, evening.files, folder)
    for file, result in zip(evening.files, results, strict=True):
        if file.fault == "duplicate":
            touched["duplicate"] += len(file.rows) - result.inserted
        elif file.fault == "empty":
            touched["empty"] += 1
        elif file.fault:
            touched[file.fault] += result.inserted
    connection = connect(settings)
    try:
        with connection, connection.cursor() as cursor:
            _date_batches(cursor, evening, results)
        for number, insert in enumerate(evening.inserts):
            if len(insert.rows):
                with connection, connection.cursor() as cursor:
                    _insert(cursor, evening, number, insert)
                touched[insert.fault] += len(insert.rows)
        for statement in evening.statements:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement.sql, statement.parameters)
                touched[statement.fault] += cursor.rowcount
        with connection, connection.cursor() as cursor:
            batches = [
                batch
                for one in evening.taken_back
                for batch in _batches(cursor, one.file, plan.evenings[one.evening])
            ]
    finally:
        connection.close()
    if batches:
        gone = unload(settings, find(settings, batches, None), force=True)
        touched["unload"] += sum(batch.rows for batch in gone)
    return touched


def _batches(cursor: Cursor, file: File, evening: Evening) -> list[int]:
    """The batch of a file, which may have come under the same name on other evenings."""
    cursor.execute(
        "select batch_id from ops.load_batches where source_file = %s and unloaded_at is null "
        "and loaded_at between %s and %s + interval '1 hour'",
        (file.name, evening.at, evening.at),
    )
    return [batch_id for (batch_id,) in cursor.fetchall()]


def _load(settings: Settings, files: list[File], folder: Path) -> list[BatchResult]:
    """Load the files in order, through a folder that is empty before and after."""
    results = []
    for file in files:
        folder.mkdir(parents=True)
        pq.write_table(file.rows, folder / file.name, compression="zstd", version="2.6")
        replace = Replace(force=True) if file.replaces else None
        results += load(folder / file.name, None, "replay", replace=replace, settings=settings)
        shutil.rmtree(folder)
    return results


def _date_batches(cursor: Cursor, evening: Evening, results: list[BatchResult]) -> None:
    """Give the batches the hour of the evening: the loader stamps its own clock."""
    for number, result in enumerate(results):
        if result.batch_id is None:
            continue
        cursor.execute(
            "update ops.load_batches set loaded_at = %(at)s + %(number)s * interval '1 ms' "
            "where batch_id = %(batch_id)s returning loaded_at",
            {"at": evening.at, "number": number, "batch_id": result.batch_id},
        )
        loaded_at = cursor.fetchone()[0]
        _date(cursor, result.table, loaded_at, "batch_id = %s", [result.batch_id])


def _insert(cursor: Cursor, evening: Evening, number: int, insert: Insert) -> None:
    """Insert as any tool would, in a transaction that began `age` before the evening."""
    names = insert.rows.column_names
    statement = sql.SQL("insert into {} ({}) values %s").format(
        sql.Identifier(SCHEMA, insert.table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    execute_values(cursor, statement, _values(insert.rows), page_size=1000)
    cursor.execute(
        "select %s + %s * interval '1 ms' - %s", (evening.at, 100_000 + number, insert.age)
    )
    loaded_at = cursor.fetchone()[0]
    _date(cursor, insert.table, loaded_at, "batch_id is null and loaded_at = now()", [])


def _values(rows: pa.Table) -> list[tuple]:
    return list(zip(*(column.to_pylist() for column in rows.columns), strict=True))


def _date(
    cursor: Cursor, table: str, loaded_at: object, condition: str, parameters: list[object]
) -> None:
    """Set the arrival of rows without their table taking note: in the replay it never was else."""
    name = sql.Identifier(SCHEMA, table)
    cursor.execute(sql.SQL("alter table {} disable trigger user").format(name))
    cursor.execute(
        sql.SQL("update {} set loaded_at = %s where {}").format(name, sql.SQL(condition)),
        [loaded_at, *parameters],
    )
    cursor.execute(sql.SQL("alter table {} enable trigger user").format(name))
