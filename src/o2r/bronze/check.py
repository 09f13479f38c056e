"""`o2r load --check`: all that stands between files and bronze, in one report."""

from collections import Counter
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import connection as Connection

from o2r.bronze.door import bring
from o2r.bronze.inspection import Folder, Job, Note
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse.connection import connect


@dataclass(frozen=True)
class Finding:
    """Something that a person should look at.

    stops:     whether the file is not loaded for it.
    rows:      how many rows it concerns, None where it concerns the file.
    first_row: the first of them, as counted in ops.quarantined_rows.
    """

    file: str
    table: str | None
    stops: bool
    what: str
    rows: int | None = None
    first_row: int | None = None


@dataclass(frozen=True)
class Checked:
    """A file that could be looked at, in rows: received = good + duplicate + kept_out."""

    file: str
    table: str
    received: int
    good: int
    duplicate: int
    kept_out: int
    ignored: int


def check(folder: Folder, *, settings: Settings, note: Note) -> tuple[list[Checked], list[Finding]]:
    """Bring every file to the door: columns, words and rows, and take it all back.

    Rows that bronze holds already count as good. Raises UserError when the folder is missing, a
    mapping is wrong, or the warehouse cannot be reached.
    """
    checked: list[Checked] = []
    findings: list[Finding] = []
    connection = connect(settings, as_loader=True)
    try:
        for file in folder.files(note):
            try:
                drafts = folder.drafts(file)
            except UserError as error:
                findings.append(Finding(file.name, None, True, _without(file.name, error)))
                continue
            for job in drafts:
                table = job.contract.table
                if job.problems:
                    lines = (_without(file.name, one) for one in job.problems)
                    findings += [Finding(file.name, table, True, line) for line in lines]
                    continue
                try:
                    one, found = _check(connection, job)
                except UserError as error:
                    findings.append(Finding(file.name, table, True, _without(file.name, error)))
                except psycopg2.Error as error:
                    said = f"{error.diag.message_primary or error}: check the mapping's expressions"
                    findings.append(Finding(file.name, table, True, said))
                else:
                    checked.append(one)
                    findings += found
    finally:
        connection.close()
    return checked, findings


def _check(connection: Connection, job: Job) -> tuple[Checked, list[Finding]]:
    file, table = job.file.name, job.contract.table
    unknown: list[str] = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'")
            door = bring(cursor, job, lambda _done: None, unknown)
            cursor.execute(
                "select reason, count(*), min(_row) from rejected group by 1 order by 2 desc, 1"
            )
            reasons = cursor.fetchall()
            strangers = door.split.unknown_values()
            good = door.split.count("typed")
    finally:
        connection.rollback()
    findings = [Finding(file, table, True, _without(file, line)) for line in unknown]
    findings += [Finding(file, table, False, *reason) for reason in reasons]
    findings += [Finding(file, table, False, line) for line in strangers]
    kept_out = Counter({reason: rows for reason, rows, _ in reasons}).total()
    counts = (door.received, good, door.duplicate, kept_out, len(job.ignored))
    return Checked(file, table, *counts), findings


def _without(file: str, said: object) -> str:
    """What was said, without the name of the file, which stands beside it."""
    line = " ".join(str(said).split())
    return line.removeprefix(f"{file}: ").removeprefix("nothing loaded: ")
