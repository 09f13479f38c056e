"""What a company delivers on each evening, from the files of its whole life.

Pure functions: the same files, calendar, faults and seed give the same plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pyarrow as pa

from o2r.contracts import Contract
from o2r.synthetic.columns import MICROS_PER_DAY
from o2r.synthetic.knowledge import instants, known_at

EVENING = time(20, tzinfo=UTC)
"""Hour of delivery: the last hours of each day arrive with the next one."""
NEVER = -1


@dataclass(frozen=True)
class File:
    """A file to load.

    fault: what is wrong with it, None for the regular delivery.
    replaces: whether it takes the place of what came under its name before.
    """

    table: str
    label: str
    rows: pa.Table
    fault: str | None = None
    replaces: bool = False

    @property
    def name(self) -> str:
        """Name by which the loader finds the table."""
        return f"{self.table}__{self.label}.parquet"


@dataclass(frozen=True)
class Insert:
    """Rows that another tool inserts; its transaction began `age` before the evening."""

    table: str
    rows: pa.Table
    fault: str
    age: timedelta = timedelta()


@dataclass(frozen=True)
class Statement:
    """A statement with its parameters that another tool runs after the loads of the evening."""

    sql: str
    parameters: dict
    fault: str


@dataclass(frozen=True)
class TakenBack:
    """A file of an earlier evening whose rows leave bronze."""

    file: File
    evening: int
    fault: str


@dataclass
class Evening:
    """One evening: what arrives, in this order, and how the build after it goes."""

    at: datetime
    files: list[File] = field(default_factory=list)
    inserts: list[Insert] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    taken_back: list[TakenBack] = field(default_factory=list)
    is_built_twice: bool = False
    is_killed: bool = False

    @property
    def day(self) -> date:
        """The day (UTC) that ends with this evening."""
        return self.at.date()


@dataclass
class EventTable:
    """An event table that incremental models read.

    arrival: (rows,) evening on which each row is delivered, NEVER when it is not, or elsewhere.
    """

    contract: Contract
    rows: pa.Table
    arrival: np.ndarray

    @property
    def name(self) -> str:
        """Bronze table."""
        return self.contract.table

    @property
    def has_day_in_key(self) -> bool:
        """True when another day is another row, as for daily revenue."""
        return self.contract.event_column in self.contract.business_key

    @property
    def account_column(self) -> str:
        """Column of the account."""
        return next(name for name in self.rows.column_names if name.endswith("account_id"))

    @property
    def days(self) -> np.ndarray:
        """Day numbers (rows,) since 1970-01-01 of the events."""
        return instants(self.rows[self.contract.event_column]) // MICROS_PER_DAY


@dataclass
class Plan:
    """The evenings, and the event tables from which faults take their rows.

    no_files: evenings without any file.
    """

    evenings: list[Evening]
    events: list[EventTable]
    others: dict[str, tuple[pa.Table, np.ndarray]]
    no_files: frozenset[int] = frozenset()

    def every(self, step: int, first: int) -> Iterator[int]:
        """Evenings first, first + step, ...; instead of one without files, the one after."""
        for number in range(first, len(self.evenings), step):
            later = self.at_least(number)
            if later is not None:
                yield later

    def at_least(self, number: int) -> int | None:
        """The first evening with files from this one on, None when the replay is over by then."""
        while number in self.no_files:
            number += 1
        return number if number < len(self.evenings) else None

    def day(self, number: int) -> int:
        """Day number of an evening."""
        return (self.evenings[number].day - date(1970, 1, 1)).days


def cut(
    tables: Mapping[str, pa.Table],
    contracts: Mapping[str, Contract],
    first_day: date,
    days: int,
) -> Plan:
    """Share the rows out to evenings: each row comes on the first one after its source knows it.

    All that is older than the first evening comes with it.
    """
    first = datetime.combine(first_day, EVENING)
    plan = Plan([Evening(first + timedelta(days=number)) for number in range(days)], [], {})
    start = int(first.timestamp()) * 1_000_000
    for name, rows in tables.items():
        arrival = np.maximum(0, -((start - known_at(rows)) // MICROS_PER_DAY))
        arrival[arrival >= days] = NEVER
        if contracts[name].event_column:
            plan.events.append(EventTable(contracts[name], rows, arrival))
        else:
            plan.others[name] = (rows, arrival)
    return plan


def deliver(plan: Plan) -> None:
    """Write the regular files of every evening, once faults have chosen the evening of each row."""
    regular = {table.name: (table.rows, table.arrival) for table in plan.events} | plan.others
    for name, (rows, arrival) in regular.items():
        for number in np.unique(arrival[arrival != NEVER]):
            part = rows.filter(pa.array(arrival == number))
            plan.evenings[number].files.append(File(name, "regular", part))
