"""`o2r setup`: the database, the numbered scripts of `database_scripts/`, the bronze tables."""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import encrypt_password

from o2r.contracts import BOOKKEEPING, SCHEMA, Contract, load_contracts
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse import bronze_tables, locks
from o2r.warehouse.connection import BUILDER, CI, LOADER, connect

OLDEST_SERVER = 160000
TABLES_AT = "050"
"""Scripts of a lower number run before the bronze tables are made, the others after."""


class Done(NamedTuple):
    """Names of the scripts run; bronze tables and columns made or altered."""

    scripts: list[str]
    altered: list[str]


def setup(settings: Settings) -> Done:
    """Create the database if missing, run every script, make the bronze tables of the contracts.

    All in one transaction; running it again changes nothing. It waits for builds to end, and they
    for it. Raises UserError naming the script that failed, or what keeps a bronze table from
    becoming that of its contract; then nothing of this run stays.
    """
    _create_database(settings)
    paths = scripts(settings)
    contracts = load_contracts(settings.dbt_dir).values()
    with connect(settings) as connection, connection.cursor() as cursor:
        if connection.server_version < OLDEST_SERVER:
            raise UserError(f"PostgreSQL 16 or newer is needed, this is {server_version(cursor)}")
        locks.name_session(cursor, f"setup {settings.database}")
        locks.acquire(cursor, locks.SETUP, until_commit=True)
        _run(cursor, [path for path in paths if path.name < TABLES_AT])
        altered = _make_tables(cursor, contracts)
        _name_open_columns(cursor, contracts)
        _run(cursor, [path for path in paths if path.name >= TABLES_AT])
        _give_passwords(cursor, settings)
    connection.close()
    return Done([path.name for path in paths], altered)


def _run(cursor: psycopg2.extensions.cursor, paths: Collection[Path]) -> None:
    for path in paths:
        try:
            cursor.execute(path.read_text())
        except psycopg2.Error as error:
            reason = error.diag.message_primary or str(error)
            raise UserError(f"script {path.name}: {reason}") from None


def _make_tables(cursor: psycopg2.extensions.cursor, contracts: Collection[Contract]) -> list[str]:
    """Let the database hold the tables of the contracts; what was made or altered for it."""
    plan = bronze_tables.plan(contracts, bronze_tables.described(cursor))
    if plan.refused:
        raise UserError("; ".join(plan.refused))
    for step in plan.steps:
        try:
            cursor.execute(step.statement)
        except psycopg2.Error as error:
            diag = error.diag
            hint = diag.message_hint or diag.message_detail or "see its contract in dbt/models"
            if isinstance(error, errors.NotNullViolation):
                hint = "its contract requires it: fill it in, or let the contract not require it"
            raise UserError(f"{step.what}: {diag.message_primary or error}: {hint}") from None
    for contract in contracts:
        cursor.execute(
            "select ops.watch_changes(%s, %s, %s)",
            (
                f"{SCHEMA}.{contract.table}",
                contract.event_day or "cast(timezone('UTC', loaded_at) as date)",
                ", ".join(contract.business_key),
            ),
        )
    return list(dict.fromkeys(step.what for step in plan.steps))


def scripts(settings: Settings) -> list[Path]:
    """Return the scripts in the order in which they run."""
    return sorted(settings.scripts_dir.glob("[0-9][0-9][0-9]_*.sql"))


def server_version(cursor: psycopg2.extensions.cursor) -> str:
    """Return the server's version, such as 18.4."""
    cursor.execute("show server_version")
    return cursor.fetchone()[0].split()[0]


def _create_database(settings: Settings) -> None:
    """Create the settings' database unless it can already be entered."""
    try:
        connect(settings).close()
        return
    except UserError as error:
        if "does not exist" not in str(error):
            raise
    connection = connect(settings, database="postgres", autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("create database {} encoding 'UTF8' template template0").format(
                    sql.Identifier(settings.database)
                )
            )
    except (errors.DuplicateDatabase, errors.UniqueViolation):
        pass  # another `o2r setup` was faster
    except psycopg2.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"cannot create database {settings.database}: {reason}") from None
    finally:
        connection.close()


def _name_open_columns(cursor: psycopg2.extensions.cursor, contracts: Collection[Contract]) -> None:
    """Tell the scripts which bronze columns hold no personal data: a table of the transaction."""
    cursor.execute(
        "create temp table open_columns (table_name text, column_name text) on commit drop"
    )
    cursor.executemany(
        "insert into open_columns values (%s, %s)",
        [
            (contract.table, column.name)
            for contract in contracts
            for column in (*contract.columns, *BOOKKEEPING)
            if not column.pii
        ],
    )


def _give_passwords(cursor: psycopg2.extensions.cursor, settings: Settings) -> None:
    """Give each role that machines log in as the password of the settings, if there is one.

    The server gets it hashed.
    """
    secrets = {
        LOADER: settings.loader_password,
        BUILDER: settings.builder_password,
        CI: settings.ci_password,
    }
    for role, secret in secrets.items():
        if secret:
            hashed = encrypt_password(
                secret.get_secret_value(), role, cursor.connection, "scram-sha-256"
            )
            cursor.execute(
                sql.SQL("alter role {} password {}").format(
                    sql.Identifier(role), sql.Literal(hashed)
                )
            )
