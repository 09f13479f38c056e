"""`o2r setup`: the database and the numbered, re-runnable scripts in `database_scripts/`."""

from collections.abc import Collection
from pathlib import Path

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import encrypt_password

from o2r.contracts import BOOKKEEPING, SCHEMA, Contract, load_contracts
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse import locks
from o2r.warehouse.connection import BUILDER, CI, LOADER, connect

OLDEST_SERVER = 160000


def setup(settings: Settings) -> list[str]:
    """Create the database if missing and run every script in order, in one transaction.

    Running it again changes nothing. It waits for builds to end, and they for it.
    Returns the names of the scripts.
    Raises UserError naming the script that failed; then nothing of this run stays.
    """
    _create_database(settings)
    paths = scripts(settings)
    contracts = load_contracts(settings.dbt_dir).values()
    with connect(settings) as connection, connection.cursor() as cursor:
        if connection.server_version < OLDEST_SERVER:
            raise UserError(f"PostgreSQL 16 or newer is needed, this is {server_version(cursor)}")
        locks.name_session(cursor, f"setup {settings.database}")
        locks.acquire(cursor, locks.SETUP, until_commit=True)
        _name_personal_columns(cursor, contracts)
        for path in paths:
            try:
                cursor.execute(path.read_text())
            except psycopg2.Error as error:
                reason = error.diag.message_primary or str(error)
                raise UserError(f"script {path.name}: {reason}") from None
        for contract in contracts:
            _describe(cursor, contract)
            _watch(cursor, contract)
        _give_passwords(cursor, settings)
    connection.close()
    return [path.name for path in paths]


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


def _name_personal_columns(
    cursor: psycopg2.extensions.cursor, contracts: Collection[Contract]
) -> None:
    """Tell the scripts which columns hold personal data: a temporary table of the transaction."""
    cursor.execute(
        "create temp table personal_columns (table_name text, column_name text) on commit drop"
    )
    cursor.executemany(
        "insert into personal_columns values (%s, %s)",
        [(one.table, column.name) for one in contracts for column in one.columns if column.pii],
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


def _describe(cursor: psycopg2.extensions.cursor, contract: Contract) -> None:
    """Write the descriptions of a contract to its bronze table and columns."""
    table = sql.Identifier(SCHEMA, contract.table)
    described = {column.name: column.description for column in contract.columns} | BOOKKEEPING
    comments = [
        sql.SQL("comment on table {} is {}").format(table, sql.Literal(contract.description)),
        *(
            sql.SQL("comment on column {}.{} is {}").format(
                table, sql.Identifier(name), sql.Literal(text)
            )
            for name, text in described.items()
        ),
    ]
    cursor.execute(sql.SQL(";").join(comments))


def _watch(cursor: psycopg2.extensions.cursor, contract: Contract) -> None:
    """Let a table note its updates and erasures, and find what is new or changed in it quickly.

    What incremental models read is noted and indexed by the day of the event, the rest by the day
    of arrival. Rows that another tool inserted have an index of their own.
    """
    table = sql.Identifier(SCHEMA, contract.table)
    indexes = {"foreign": "(loaded_at) where batch_id is null"}
    if contract.event_day:
        indexes["event_day"] = f"using brin (({contract.event_day})) with (autosummarize = on)"
    for name, definition in indexes.items():
        cursor.execute(
            sql.SQL("create index if not exists {} on {} {}").format(
                sql.Identifier(f"{contract.table}_{name}"), table, sql.SQL(definition)
            )
        )
    cursor.execute(
        "select ops.watch_changes(%s, %s, %s)",
        (
            f"{SCHEMA}.{contract.table}",
            contract.event_day or "cast(timezone('UTC', loaded_at) as date)",
            ", ".join(contract.business_key),
        ),
    )
