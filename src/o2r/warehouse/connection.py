"""Connections to the warehouse, whichever server it is on."""

import time
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse import embedded

GETTING_READY = ("starting up", "in recovery mode", "not yet accepting connections")
"""PostgreSQL's words on a server that needs nothing but time."""
PATIENCE = 20.0  # seconds for it

LOADER, BUILDER, CI = "o2r_loader", "o2r_builder", "o2r_ci"


def connection_parameters(settings: Settings, *, as_loader: bool = False) -> dict[str, Any]:
    """Return host, port, user, password (or None) and dbname, as psycopg2 and dbt take them.

    as_loader: log in as LOADER, on a server of one's own where its password is known.
    For the embedded server the host is its socket folder. Raises UserError when it is not running.
    """
    if not settings.embedded:
        user, secret = settings.user, settings.password
        if as_loader and settings.loader_password:
            user, secret = LOADER, settings.loader_password
        return {
            "host": settings.host,
            "port": settings.port,
            "user": user,
            "password": secret.get_secret_value() if secret else None,
            "dbname": settings.database,
        }
    server = embedded.running(settings)
    if server is None:
        raise UserError(f"no server is running in {settings.server_dir}: run `o2r up`")
    return {
        "host": server.socket_dir,
        "port": server.port,
        "user": LOADER if as_loader else embedded.SUPERUSER,
        "password": embedded.password(settings),
        "dbname": settings.database,
    }


def environment(settings: Settings) -> dict[str, str]:
    """Return POSTGRES_* (read by dbt's profile) and PG* (read by libpq) for a child process."""
    found = connection_parameters(settings)
    values = {
        "HOST": found["host"],
        "PORT": str(found["port"]),
        "USER": found["user"],
        "PASSWORD": found["password"] or "",
    }
    return {
        **{f"POSTGRES_{name}": value for name, value in values.items()},
        **{f"PG{name}": value for name, value in values.items()},
        "POSTGRES_DB": found["dbname"],
        "PGDATABASE": found["dbname"],
    }


def connect(
    settings: Settings,
    *,
    database: str | None = None,
    autocommit: bool = False,
    read_only: bool = False,
    as_loader: bool = False,
) -> Connection:
    """Open a psycopg2 connection to `database` (default: the one of the settings), in UTC.

    as_loader: with the rights of LOADER and no others, as SQL of a mapping may run in it. Where
        its password is not known, the user of the settings takes on its role.
    Waits some seconds for a server that starts or recovers. Raises UserError when the server or the
    database cannot be reached.
    """
    parameters = connection_parameters(settings, as_loader=as_loader)
    parameters["dbname"] = database or parameters["dbname"]
    options = "-c timezone=UTC -c datestyle=ISO"
    if read_only:
        options += " -c default_transaction_read_only=on"
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection = psycopg2.connect(
                **parameters,
                connect_timeout=10,
                application_name="o2r",
                client_encoding="UTF8",
                options=options,
            )
            break
        except psycopg2.OperationalError as error:
            reason = str(error).strip().splitlines()[-1].strip()
        is_getting_ready = any(words in reason for words in GETTING_READY)
        if is_getting_ready and time.monotonic() < until:
            time.sleep(0.2)
            continue
        hint = "check POSTGRES_HOST, PORT, USER, PASSWORD and DB"
        if settings.embedded:
            hint = "run `o2r down`, then `o2r up`"
        if is_getting_ready:
            hint = "it starts, or recovers from a crash: wait a minute, then try again"
        if f'database "{parameters["dbname"]}" does not exist' in reason:
            hint = "run `o2r setup`"
        if f'role "{LOADER}" does not exist' in reason:
            hint = "run `o2r setup`"
        raise UserError(f"cannot connect to {parameters['host']}: {reason}: {hint}")
    if as_loader and parameters["user"] != LOADER:
        _take_on_role(connection, LOADER)
    connection.autocommit = autocommit
    return connection


def _take_on_role(connection: Connection, role: str) -> None:
    """Set the role where it exists and may be set; else the rights stay those of the user."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "select set_config('role', rolname, false) from pg_roles "
            "where rolname = %s and pg_has_role(oid, 'member')",
            (role,),
        )
