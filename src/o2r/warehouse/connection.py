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


def connection_parameters(settings: Settings) -> dict[str, Any]:
    """Return host, port, user, password (or None) and dbname, as psycopg2 and dbt take them.

    For the embedded server the host is its socket folder. Raises UserError when it is not running.
    """
    if not settings.embedded:
        secret = settings.password.get_secret_value() if settings.password else None
        return {
            "host": settings.host,
            "port": settings.port,
            "user": settings.user,
            "password": secret,
            "dbname": settings.database,
        }
    server = embedded.running(settings)
    if server is None:
        raise UserError(f"no server is running in {settings.server_dir}: run `o2r up`")
    return {
        "host": server.socket_dir,
        "port": server.port,
        "user": embedded.SUPERUSER,
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
) -> Connection:
    """Open a psycopg2 connection to `database` (default: the one of the settings), in UTC.

    Waits some seconds for a server that starts or recovers. Raises UserError when the server or the
    database cannot be reached.
    """
    parameters = connection_parameters(settings)
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
        raise UserError(f"cannot connect to {parameters['host']}: {reason}: {hint}")
    connection.autocommit = autocommit
    return connection
