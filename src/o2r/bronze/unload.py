"""`o2r unload`: what batches brought leaves bronze again, in one transaction."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import cursor as Cursor

from o2r.bronze import ledger
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse.connection import connect


def find(settings: Settings, batch_ids: Collection[int], file: str | None) -> list[ledger.Batch]:
    """The batches with these numbers, or of this file name; nothing is changed.

    Raises UserError for a batch that is not in bronze, and a name of which none is.
    """
    if bool(batch_ids) == bool(file):
        raise UserError("o2r unload: give either numbers of batches or --file")
    connection = connect(settings, read_only=True)
    try:
        with connection, connection.cursor() as cursor:
            return ledger.look_up(cursor, batch_ids or _of_file(cursor, str(file)))
    except (errors.UndefinedTable, errors.UndefinedColumn):
        raise UserError(f"database {settings.database} is not set up: run `o2r setup`") from None
    finally:
        connection.close()


def unload(
    settings: Settings, batches: Collection[ledger.Batch], *, force: bool = False
) -> list[ledger.Batch]:
    """Take batches back: their rows leave bronze, the ledger keeps that they were there.

    batches: as `find` gives them. Their days are noted, and the next build of every target follows.
    force: also rows that later batches delivered again, see o2r.bronze.ledger.take_back.
    Raises UserError when nothing was changed: a batch is gone by now, or holds such rows.
    """
    connection = connect(settings, as_loader=True)
    try:
        with connection, connection.cursor() as cursor:
            for table in sorted({batch.table for batch in batches}):
                ledger.lock(cursor, table)
            return ledger.take_back(cursor, [batch.batch_id for batch in batches], force=force)
    except psycopg2.Error as error:
        reason = error.diag.message_primary or str(error).strip()
        raise UserError(f"nothing taken back: {reason}") from None
    finally:
        connection.close()


def _of_file(cursor: Cursor, file: str) -> list[int]:
    if found := ledger.batches_of(cursor, file):
        return found
    cursor.execute(
        "select distinct source_file from ops.load_batches where unloaded_at is null order by 1"
    )
    names = [name for (name,) in cursor.fetchall()]
    near = get_close_matches(file, names, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    raise UserError(f"nothing of a file '{file}' is in bronze{hint}: see ops.load_batches")
