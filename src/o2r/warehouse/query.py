"""Statements on the warehouse: those of `o2r sql`, and the questions of other commands."""

import csv
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, Any

import psycopg2
from psycopg2 import errors

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


def query(settings: Settings, statement: str, *parameters: object) -> list[tuple]:
    """Run one statement on the tables of ops; UserError when they are not there."""
    connection = connect(settings, autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []
    except (errors.InvalidSchemaName, errors.UndefinedTable, errors.UndefinedColumn):
        raise UserError(
            f"database {settings.database} is not set up, or by an older version: run `o2r setup`"
        ) from None
    except psycopg2.Error as error:
        reason = " ".join(str(error).split())
        raise UserError(f"the warehouse refused: {reason}") from None
    finally:
        connection.close()


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
