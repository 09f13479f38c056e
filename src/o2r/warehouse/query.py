"""Statements on the warehouse: those of `o2r sql`, and the questions of other commands."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, Any

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse.connection import connect


@dataclass(frozen=True)
class Answer:
    """Column names and rows of a query, or no columns and PostgreSQL's word on a statement."""

    columns: list[str]
    rows: list[tuple]
    message: str


def run_sql(settings: Settings, statement: str, *, write: bool = False) -> Answer:
    """Run SQL, which may only read unless `write`; several statements are one transaction.

    Raises UserError with PostgreSQL's own message for a statement that fails.
    """
    connection = connect(settings, read_only=not write, autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            if cursor.description is None:
                return Answer([], [], cursor.statusmessage)
            names = [column.name for column in cursor.description]
            return Answer(names, cursor.fetchall(), cursor.statusmessage)
    except errors.ReadOnlySqlTransaction as error:
        raise UserError(f"{error.diag.message_primary}: add --write to change data") from None
    except psycopg2.Error as error:
        position = error.diag.statement_position
        near = f" (character {position})" if position else ""
        raise UserError(f"SQL: {error.diag.message_primary or error}{near}") from None
    finally:
        connection.close()


class Session:
    """The connection of one command, open from the first statement to `close`, or the next one.

    Every statement commits by itself, except within `transaction`. Raises UserError where the
    warehouse is not set up, and for what it refuses.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._connection: Connection | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection, as before a long wait; the next statement opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def query(self, statement: str | sql.Composable, *parameters: object) -> list[tuple]:
        """Run one statement and return its rows, none for one that has none."""
        with self.cursor() as cursor, _said_clearly(self.settings):
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        """A cursor that commits each statement, and raises what psycopg2 raises."""
        if self._connection is None or self._connection.closed:
            self._connection = connect(self.settings, autocommit=True)
        with self._connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """A cursor whose statements count together, or not at all; raises what psycopg2 raises."""
        with self.cursor() as cursor:
            connection = cursor.connection
            connection.autocommit = False
            try:
                with connection:
                    yield cursor
            finally:
                if not connection.closed:
                    connection.autocommit = True


def query(settings: Settings, statement: str, *parameters: object) -> list[tuple]:
    """Run one statement in a session of its own; see Session.query."""
    with Session(settings) as session:
        return session.query(statement, *parameters)


@contextmanager
def _said_clearly(settings: Settings) -> Iterator[None]:
    try:
        yield
    except (errors.InvalidSchemaName, errors.UndefinedTable, errors.UndefinedColumn):
        raise UserError(
            f"database {settings.database} is not set up, or by an older version: run `o2r setup`"
        ) from None
    except psycopg2.Error as error:
        reason = " ".join(str(error).split())
        raise UserError(f"the warehouse refused: {reason}") from None


def text(value: Any) -> str:
    """Write a value as PostgreSQL would, null as nothing, numbers without exponent."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def write_csv(answer: Answer, file: IO[str]) -> None:
    """Write the answer as CSV with a header line."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows([text(value) for value in row] for row in answer.rows)
