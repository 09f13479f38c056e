"""The log-in with which Metabase reads the warehouse: gold, and nothing else."""

from __future__ import annotations

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import encrypt_password

from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse import connect, connection_parameters

ROLE = "metabase_reader"
"""Group role that may read gold, made by `o2r setup`."""
LOGIN = "o2r_metabase"
"""Its member that Metabase logs in as; its password is METABASE_READER_PASSWORD."""


def reader_is_there(settings: Settings) -> bool:
    """True when LOGIN can log in with its password, and is a member of ROLE."""
    tcp = {"host": "127.0.0.1", "port": settings.tcp_port} if settings.embedded else {}
    parameters = connection_parameters(settings) | {
        **tcp,  # over its socket, the embedded server asks for no password
        "user": LOGIN,
        "password": settings.metabase_reader_password.get_secret_value(),
    }
    try:
        connection = psycopg2.connect(**parameters, connect_timeout=10)
    except psycopg2.OperationalError:
        return False
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select coalesce((select pg_has_role(oid, 'member') from pg_roles "
                "where rolname = %s), false)",
                (ROLE,),
            )
            return cursor.fetchone()[0]
    finally:
        connection.close()


def make_reader(settings: Settings) -> None:
    """Make LOGIN a member of ROLE that can log in with its password and has no other right.

    The server gets the password hashed. Raises UserError when one may not make roles.
    """
    with connect(settings) as connection, connection.cursor() as cursor:
        secret = encrypt_password(
            settings.metabase_reader_password.get_secret_value(),
            LOGIN,
            scope=connection,
            algorithm="scram-sha-256",
        )
        try:
            cursor.execute("select exists (select from pg_roles where rolname = %s)", (LOGIN,))
            verb = sql.SQL("alter" if cursor.fetchone()[0] else "create")
            role, group = sql.Identifier(LOGIN), sql.Identifier(ROLE)
            cursor.execute(
                sql.SQL(
                    "{} role {} login nosuperuser nocreatedb nocreaterole password {}; "
                    "grant {} to {}; "
                    "alter role {} set default_transaction_read_only = on"
                ).format(verb, role, sql.Literal(secret), group, role, role)
            )
        except psycopg2.Error as error:
            reason = (error.diag.message_primary or str(error)).replace(secret, "***")
            raise UserError(
                f"cannot make the role {LOGIN} for Metabase: {reason}; run `o2r setup`, or let an "
                f"administrator make it: create role {LOGIN} login in role {ROLE}, with the "
                "password METABASE_READER_PASSWORD"
            ) from None
    connection.close()
