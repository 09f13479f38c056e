"""Have days built again, whole, whether or not anything is known to have changed in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from psycopg2.errors import UndefinedTable

from o2r.contracts import load_contracts
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse.connection import connect

LONGEST_DAYS = 3_660


@dataclass(frozen=True)
class Backfill:
    """Days from `first` to `last`, both included, of the event tables `tables`."""

    first: date
    last: date
    tables: tuple[str, ...]

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1


def mark_stale(settings: Settings, first: str, last: str) -> Backfill:
    """Note days as changed, so that the next build of every target builds them again from bronze.

    first, last: YYYY-MM-DD, UTC. See docs/decisions/0008-incremental-models.md.
    Raises UserError for what is no span of days, and before `o2r setup`.
    """
    start, end = _day("from", first), _day("to", last)
    if end < start:
        raise UserError(f"o2r backfill: the last day, {end}, is before the first, {start}")
    contracts = load_contracts(settings.dbt_dir).values()
    found = Backfill(start, end, tuple(c.table for c in contracts if c.event_column))
    if found.days > LONGEST_DAYS:
        raise UserError(
            f"o2r backfill: {found.days} days at once: build everything with --full-refresh"
        )
    connection = connect(settings)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "insert into ops.changed_days (table_name, kind, change_number, event_date) "
                "select event_table, 'edit', number, cast(day as date) "
                "from (select nextval('ops.change_number') as number) as change, "
                "unnest(%s) as event_table, generate_series(%s, %s, interval '1 day') as day",
                (list(found.tables), start, end),
            )
    except UndefinedTable:
        raise UserError(f"database {settings.database} is not set up: run `o2r setup`") from None
    finally:
        connection.close()
    return found


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(f"o2r backfill: --{name} must be YYYY-MM-DD, not {text}") from None
