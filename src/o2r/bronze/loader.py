"""`o2r load`: files into bronze, with a ledger, a quarantine, and one transaction per file."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from o2r.bronze import ledger
from o2r.bronze.changed_keys import find_changed_keys
from o2r.bronze.door import bring, refuse_changed
from o2r.bronze.files import COMPANY_FILE
from o2r.bronze.inspection import Folder, Job, Note
from o2r.bronze.mapping import FileMapping
from o2r.bronze.staging import stage
from o2r.bronze.tools import read_mappings
from o2r.contracts import SCHEMA, load_contracts
from o2r.errors import UserError
from o2r.settings import Settings, load_settings
from o2r.warehouse import locks
from o2r.warehouse.connection import connect

SIDE_BY_SIDE = min(4, os.cpu_count() or 1)  # tables loaded at once, each with its connection
GROWTH = 0.1  # share of a table's rows that makes its statistics stale, as for autovacuum

Progress = Callable[[str, int, int], None]
"""Called with the file's name, the bytes read so far, and the bytes in all."""


@dataclass(frozen=True)
class Replace:
    """Take back what was loaded of the same files before.

    batches: those that may go, as looked at before; None for whatever there is.
    force:   also rows of theirs that batches of other files delivered again, see ledger.take_back.
    """

    batches: frozenset[int] | None = None
    force: bool = False


@dataclass(frozen=True)
class BatchResult:
    """One file's outcome, in rows: received = inserted + duplicate + quarantined.

    batch_id is None, and all counts are 0, when nothing was done: the very same file is in bronze.
    taken_back: then, the batch in which it was loaded and which was taken back, so that it is not.
    replaced:   batches that were taken back for it.
    warning:    a line about what may be wrong with it.
    """

    source_file: str
    table: str
    batch_id: int | None
    received: int = 0
    inserted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    taken_back: int | None = None
    replaced: tuple[int, ...] = ()
    warning: str | None = None

    @property
    def already_loaded(self) -> bool:
        """True when nothing was done."""
        return self.batch_id is None


def load(
    path: Path | str,
    mapping: Path | str | None = None,
    dataset: str = "files",
    *,
    tools: Sequence[str] = (),
    exported: str | None = None,
    mix: bool = False,
    replace: Replace | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
    note: Note | None = None,
) -> list[BatchResult]:
    """Load a CSV, NDJSON or Parquet file, or every one in a folder, into the bronze tables.

    mapping: YAML file for foreign names, see o2r.bronze.mapping.FileMapping.
    tools: names of tools whose own mappings come after it, see o2r.bronze.tools.
    exported: day on which the files were exported, YYYY-MM-DD.
    dataset: goes to the ledger; another dataset than the ledger's is refused unless `mix`.
    replace: what is in bronze of files of the same name, for the same table, is taken back in the
        transaction that loads the new content.

    Each file is one transaction (one per table, where it feeds several): either all of it is
    recorded, or nothing. Names and columns of all files are looked at before the first is loaded.
    Files of one table are loaded in order of name, those of several tables side by side.
    Raises UserError for anything the user can put right; files loaded before it stay loaded, and
    running again goes on from there.
    """
    settings = settings or load_settings()
    note = note or _silent
    folder = open_folder(path, mapping, tools, exported, settings=settings)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        inspected = pool.map(folder.jobs, folder.files(note))
        jobs = [job for found in inspected for job in found]
    return _load_tables(
        settings,
        jobs,
        lambda connection, job, done: _load(
            connection, job, dataset, mix, progress or _silent, note, replace, done
        ),
    )


def open_folder(
    path: Path | str,
    mapping: Path | str | None = None,
    tools: Sequence[str] = (),
    exported: str | None = None,
    *,
    settings: Settings,
) -> Folder:
    """What is to be loaded, with the mappings read. Raises UserError for one that is wrong."""
    return Folder(
        Path(path),
        read_mappings(Path(mapping) if mapping else None, tools, exported),
        load_contracts(settings.dbt_dir),
        besides=(Path(path, COMPANY_FILE), *((Path(mapping),) if mapping else ())),
        lenient=bool(tools),
    )


def _load_tables(
    settings: Settings,
    jobs: list[Job],
    load_one: Callable[[Connection, Job, Collection[int | None]], BatchResult],
) -> list[BatchResult]:
    """Load the files of each table in their order, several tables side by side.

    load_one: loads a file, given the numbers of the batches loaded before it for its table.
    After a file that cannot be loaded no other is begun; those on their way are loaded to the end.
    """
    if not jobs:
        return []
    tables: dict[str, list[Job]] = {}
    for job in jobs:
        tables.setdefault(job.contract.table, []).append(job)
    # the first of a dataset claims the warehouse for it, which all others would have to wait for
    first, *others = sorted(tables.values(), key=lambda jobs: sum(j.look.stamp[0] for j in jobs))
    connections: list[Connection] = []
    free: SimpleQueue[Connection] = SimpleQueue()
    results: dict[str, list[BatchResult]] = {table: [] for table in tables}
    failed: list[str] = []

    def load_table(of_table: list[Job]) -> None:
        connection, table = free.get(), of_table[0].contract.table
        try:
            for job in of_table:
                if not failed:
                    done = {result.batch_id for result in results[table]}
                    results[table].append(load_one(connection, job, done))
            _analyze(connection, results[table])
        except BaseException:
            failed.append(table)
            raise
        finally:
            free.put(connection)

    try:
        for _ in list(tables)[:SIDE_BY_SIDE]:
            connections.append(connect(settings, as_loader=True))
            free.put(connections[-1])
        with ThreadPoolExecutor(len(connections)) as pool:
            try:
                pool.submit(load_table, first).result()
                list(pool.map(load_table, reversed(others)))
            except KeyboardInterrupt:
                failed.append("all")
                for connection in connections:
                    connection.cancel()
                raise
    finally:
        for connection in connections:
            connection.close()
    in_order = {table: iter(found) for table, found in results.items()}
    return [next(in_order[job.contract.table]) for job in jobs]


def to_replace(
    path: Path | str,
    mapping: Path | str | None = None,
    tools: Sequence[str] = (),
    exported: str | None = None,
    *,
    settings: Settings,
) -> list[ledger.Batch]:
    """Batches that `load` with `replace` would take back; nothing is changed.

    Raises UserError as `load` does, and for a file of whose name nothing is in bronze.
    """
    folder = open_folder(path, mapping, tools, exported, settings=settings)
    jobs = [job for file in folder.files(_silent) for job in folder.jobs(file)]
    connection = connect(settings, read_only=True)
    try:
        with connection, connection.cursor() as cursor:
            found: list[int] = []
            for job in jobs:
                of_file = ledger.batches_of(cursor, job.file.name, job.contract.table)
                if not of_file:
                    raise UserError(_nothing_to_replace(job.file.name, job.contract.table))
                found += of_file
            return ledger.look_up(cursor, found)
    finally:
        connection.close()


def load_each(
    path: Path,
    mapping: Path | None = None,
    dataset: str = "files",
    *,
    tools: Sequence[str] = (),
    settings: Settings,
    note: Note | None = None,
) -> tuple[list[BatchResult], list[str]]:
    """Load every file of a folder by itself, so that one that is refused keeps out no other.

    tools: names of tools whose own mappings come after it, as in `load`.
    Returns the results of the files loaded, and a line about each refused one; none for a folder
    without files. A file that was taken back stays out: nobody asked for it again.
    Raises UserError when the folder is missing, the mapping is wrong, or the warehouse cannot be
    reached.
    """
    folder = open_folder(path, mapping, tools, settings=settings)
    note = note or _silent
    if (path / COMPANY_FILE).is_file():
        note(f"skipped: {COMPANY_FILE}: a statement is put in force by `o2r config load`")
    results, refused = [], []
    connection = connect(settings, as_loader=True)
    try:
        for file in folder.files(note, allow_none=True):
            try:
                for job in folder.jobs(file):
                    results.append(
                        _load(connection, job, dataset, False, _silent, note, unasked=True)
                    )
            except UserError as error:
                named = str(error).startswith(file.name)
                refused.append(str(error) if named else f"{file.name}: {error}")
        _analyze(connection, results)
    finally:
        connection.close()
    return results, refused


def _load(
    connection: Connection,
    job: Job,
    dataset: str,
    mix: bool,
    progress: Progress,
    note: Note,
    replace: Replace | None = None,
    done: Collection[int | None] = (),
    *,
    unasked: bool = False,
) -> BatchResult:
    """Load one file in one transaction."""
    try:
        with connection, connection.cursor() as cursor:
            return _load_in(cursor, job, dataset, mix, progress, note, replace, done, unasked)
    except (errors.UndefinedTable, errors.InvalidSchemaName) as error:
        raise UserError(f"{error.diag.message_primary}: run `o2r setup`") from None
    except psycopg2.Error as error:
        reason = _reason(error)
        hint = ": check the expressions of the mapping" if job.entry.formulas else ""
        raise UserError(f"{job.file.name}: nothing loaded: {reason}{hint}") from None


def _reason(error: BaseException) -> str:
    """Say what the server said first.

    Where it gave up in the middle, psycopg2 fails once more while it rolls back, and says only that
    the connection is closed.
    """
    while isinstance(error, psycopg2.InterfaceError) and error.__context__ is not None:
        error = error.__context__
    diagnosis = getattr(error, "diag", None)
    reason = (diagnosis and diagnosis.message_primary) or str(error).strip()
    if isinstance(error, errors.DiskFull):
        return f"the disk of the server is full ({reason}): free some space, then load again"
    if isinstance(error, psycopg2.OperationalError) and not (diagnosis and diagnosis.sqlstate):
        return (
            f"the server broke off ({reason}): see whether its disk is full and what its log says "
            "(`o2r doctor`), then load again"
        )
    return reason or type(error).__name__


def _load_in(
    cursor: Cursor,
    job: Job,
    dataset: str,
    mix: bool,
    progress: Progress,
    note: Note,
    replace: Replace | None,
    done: Collection[int | None],
    unasked: bool,
) -> BatchResult:
    file, contract = job.file, job.contract
    cursor.execute("set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'")
    cursor.execute("select clock_timestamp()")
    started_at = cursor.fetchone()[0]
    ledger.lock(cursor, contract.table)
    _claim_warehouse(cursor, dataset, mix)
    gone: list[ledger.Batch] = []
    if replace:
        gone = _take_back(cursor, job, replace, done)
    elif ledger.is_loaded(cursor, contract.table, file.name, job.checksum, job.together):
        return BatchResult(file.name, contract.table, None)
    elif unasked and (batch := ledger.taken_back(cursor, contract.table, job.checksum)):
        return BatchResult(file.name, contract.table, None, taken_back=batch)

    look = job.look

    def report(done: int) -> None:
        progress(file.name, done, look.stamp[0])

    door = bring(cursor, job, report)
    split, duplicate = door.split, door.duplicate
    duplicate += split.drop_known()
    warning = find_changed_keys(cursor, contract, file.name, look.checksum, job.pattern, job.entry)

    for line in split.unknown_values():
        note(f"{file.name}: {line}")

    cursor.execute(
        "select nextval(pg_get_serial_sequence('ops.load_batches', 'batch_id')), greatest("
        "clock_timestamp(), max(loaded_at) + interval '1 microsecond') "
        "from ops.load_batches where table_name = %s",
        (contract.table,),
    )
    batch_id, loaded_at = cursor.fetchone()
    inserted = split.insert(batch_id, file.name, loaded_at)
    quarantined = split.count("rejected")
    result = BatchResult(
        file.name,
        contract.table,
        batch_id,
        door.received,
        inserted,
        duplicate,
        quarantined,
        replaced=tuple(batch.batch_id for batch in gone),
        warning=warning,
    )
    _note(cursor, job, result, dataset, loaded_at, started_at)
    ledger.note_replaced(cursor, gone, batch_id)
    ledger.note_repeated(cursor, batch_id, split.held_by)
    if quarantined:
        if door.is_copied:  # what was delivered is read again, for the rows kept out
            stage(cursor, file, look, report)
            refuse_changed(job)
        split.quarantine(batch_id)
    return result


def _take_back(
    cursor: Cursor, job: Job, replace: Replace, done: Collection[int | None]
) -> list[ledger.Batch]:
    """Take back what a file is to replace; `done`: batches that its other entries have loaded.

    Raises UserError when there is nothing, or other than what was looked at.
    """
    file, table = job.file.name, job.contract.table
    found = ledger.batches_of(cursor, file, table)
    if not found:
        raise UserError(_nothing_to_replace(file, table))
    going = [batch_id for batch_id in found if batch_id not in done]
    if replace.batches is not None and not replace.batches.issuperset(going):
        raise UserError(f"{file}: loaded again since the question was asked: start over")
    return ledger.take_back(cursor, going, force=replace.force)


def _nothing_to_replace(file: str, table: str) -> str:
    return (
        f"{file}: nothing of that name is in {table}, so there is nothing to replace: load it "
        "without --replace, or see source_file in ops.load_batches for the name it had"
    )


def _note(
    cursor: Cursor,
    job: Job,
    result: BatchResult,
    dataset: str,
    loaded_at: datetime,
    started_at: datetime,
) -> None:
    """Write a batch to the ledger."""
    mapping = None if job.entry == FileMapping() else job.entry.model_dump_json()
    cursor.execute(
        "insert into ops.load_batches (batch_id, dataset, source_file, table_name, checksum, "
        "received, inserted, duplicate, quarantined, loaded_at, started_at, finished_at, "
        "file_checksum, pattern, mapping, warning) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp(), %s, %s, %s, %s)",
        (
            result.batch_id,
            dataset,
            result.source_file,
            result.table,
            job.checksum,
            result.received,
            result.inserted,
            result.duplicate,
            result.quarantined,
            loaded_at,
            started_at,
            job.look.checksum,
            job.pattern,
            mapping,
            result.warning,
        ),
    )


def _claim_warehouse(cursor: Cursor, dataset: str, mix: bool) -> None:
    """Raise UserError when the ledger holds another dataset, also one being loaded right now."""
    cursor.execute(
        "select exists (select 1 from ops.load_batches where dataset = %s and unloaded_at is null)",
        (dataset,),
    )
    if mix or cursor.fetchone()[0]:
        return
    locks.acquire(cursor, locks.LOAD, until_commit=True)
    cursor.execute(
        "select dataset from ops.load_batches where dataset <> %s and unloaded_at is null limit 1",
        (dataset,),
    )
    if cursor.rowcount:
        raise UserError(
            f"this database holds the dataset '{cursor.fetchone()[0]}', not '{dataset}': load into "
            "another one (POSTGRES_DB=other o2r setup, then load), or mix them with --mix"
        )


def _analyze(connection: Connection, results: list[BatchResult]) -> None:
    """Refresh the planner's statistics of the tables that grew by a tenth or more.

    A caller who does not own a table leaves its statistics as they are.
    """
    grown = Counter()
    for result in results:
        grown[result.table] += result.inserted
    with connection, connection.cursor() as cursor:
        for table, inserted in sorted(grown.items()):
            cursor.execute(
                "select coalesce(sum(greatest(reltuples, 0)), 0) "
                "from pg_partition_tree(%s) join pg_class on oid = relid where isleaf",
                (f"{SCHEMA}.{table}",),
            )
            if inserted and inserted >= GROWTH * cursor.fetchone()[0]:
                cursor.execute(sql.SQL("analyze {}").format(sql.Identifier(SCHEMA, table)))


def _silent(*_said: object) -> None:
    """Report nothing."""
