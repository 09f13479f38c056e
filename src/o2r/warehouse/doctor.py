"""`o2r status` and `o2r doctor`: what runs, and whether all that is needed is there."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from psycopg2 import sql

from o2r.contracts import SCHEMA, load_contracts
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse import bronze_tables, embedded
from o2r.warehouse.connection import connect, connection_parameters
from o2r.warehouse.setup import OLDEST_SERVER, server_version

FREE_DISK = 2 * 1024**3  # bytes: the demo with room to spare
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Status:
    """Where the warehouse is and what it holds.

    rows:    bronze rows by table.
    batches: batches in bronze, and batches that were taken back.
    """

    where: str
    version: str
    databases: list[str]
    rows: dict[str, int]
    batches: tuple[int, int]


@dataclass(frozen=True)
class Check:
    """One line of `o2r doctor`; `detail` says what was found, or what to do."""

    name: str
    good: bool
    detail: str


def status(settings: Settings) -> Status:
    """Look at the running server. Raises UserError when it is not running or not set up."""
    parameters = connection_parameters(settings)
    where = f"{parameters['host']} port {parameters['port']}"
    if settings.embedded:
        tcp = embedded.running(settings).tcp
        where = f"embedded in {settings.server_dir}, socket in {where}" + (
            f", also 127.0.0.1:{parameters['port']}" if tcp else ""
        )
    connection = connect(settings)
    try:
        with connection, connection.cursor() as cursor:
            found = server_version(cursor)
            cursor.execute("select datname from pg_database where not datistemplate order by 1")
            databases = [name for (name,) in cursor.fetchall()]
            rows = _bronze_rows(cursor, settings)
            return Status(where, found, databases, rows, _batches(cursor))
    finally:
        connection.close()


def doctor(settings: Settings) -> list[Check]:
    """Run every check; one that cannot run counts as failed and says why."""
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("python", _check_python),
        ("dbt", _check_dbt),
        ("folder", _check_folder),
        ("disk", check_disk),
        ("server", _check_server),
        ("tables", _check_tables),
    ]
    results = []
    for name, check in checks:
        try:
            results.append(Check(name, True, check(settings)))
        except UserError as error:
            results.append(Check(name, False, str(error)))
    return results


def _check_python(_settings: Settings) -> str:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        raise UserError(f"Python {found}: install 3.11 or newer")
    return found


def _check_dbt(_settings: Settings) -> str:
    try:
        return f"dbt-core {version('dbt-core')}, dbt-postgres {version('dbt-postgres')}"
    except PackageNotFoundError as error:
        raise UserError(f"{error.name} is not installed: run `uv sync`") from None


def _check_folder(settings: Settings) -> str:
    probe = settings.home / ".probe"
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"{settings.home} cannot be written ({error.strerror}): set O2R_HOME"
        ) from None
    return f"{settings.home} can be written"


def check_disk(settings: Settings) -> str:
    """Say how much is free where O2R writes; UserError when that is little."""
    folder = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if free < FREE_DISK:
        raise UserError(f"{free / 1024**3:.1f} GB free at {folder}: free 2 GB or set O2R_HOME")
    return f"{free / 1024**3:.1f} GB free"


def _check_server(settings: Settings) -> str:
    connection = connect(settings, database="postgres" if settings.embedded else None)
    try:
        with connection.cursor() as cursor:
            found = server_version(cursor)
    finally:
        connection.close()
    if connection.server_version < OLDEST_SERVER:
        raise UserError(f"PostgreSQL {found}: use 16 or newer")
    host = connection_parameters(settings)["host"]
    return f"PostgreSQL {found} at {host}"


def _check_tables(settings: Settings) -> str:
    contracts = load_contracts(settings.dbt_dir).values()
    connection = connect(settings)
    try:
        with connection.cursor() as cursor:
            plan = bronze_tables.plan(contracts, bronze_tables.described(cursor))
    finally:
        connection.close()
    if plan.refused:
        raise UserError(f"database {settings.database}: {plan.refused[0]}")
    if plan.steps:
        raise UserError(
            f"database {settings.database} is not as its contracts say, "
            f"first {plan.steps[0].what}: run `o2r setup`"
        )
    return f"{len(contracts)} bronze tables in database {settings.database}"


def _bronze_rows(cursor: object, settings: Settings) -> dict[str, int]:
    """Count the rows of each bronze table that exists."""
    rows = {}
    for table in sorted(load_contracts(settings.dbt_dir)):
        cursor.execute("select to_regclass(%s)", (f"{SCHEMA}.{table}",))
        if cursor.fetchone()[0]:
            cursor.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(SCHEMA, table)))
            rows[table] = cursor.fetchone()[0]
    return rows


def _batches(cursor: object) -> tuple[int, int]:
    """Count the batches in bronze and those taken back; both 0 before `o2r setup`."""
    cursor.execute("select to_regclass('ops.load_batches')")
    if cursor.fetchone()[0] is None:
        return 0, 0
    cursor.execute(
        "select count(*) filter (where unloaded_at is null), count(unloaded_at) "
        "from ops.load_batches"
    )
    return cursor.fetchone()
