"""What goes wrong between sources and bronze in a replay, one function per fault."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2r.contracts import SCHEMA
from o2r.replay.plan import (
    NEVER,
    EventTable,
    File,
    Insert,
    Plan,
    Statement,
    TakenBack,
    deliver,
)
from o2r.synthetic.columns import MICROS_PER_DAY
from o2r.synthetic.knowledge import instants

LATE_DAYS = (3, 20, 40)
HISTORY_DAYS = 45
"""Days of telemetry before the first evening, so that the latest rows have a day to belong to."""
FUTURE_DAYS = (1, 2, 10, 400, 5 * 365)
LAG_EVENINGS = 2
STAMPED_AHEAD = timedelta(days=50 * 366)
"""So far ahead that no clock of today gets there."""
LONG_TRANSACTION = timedelta(hours=30)
"""A transaction that began before yesterday's build and committed after it."""

Rng = np.random.Generator


def _chosen(mask: np.ndarray, share: float, rng: Rng) -> np.ndarray:
    """About `share` of the true elements of a mask (rows,), at least one if there is any."""
    candidates = np.flatnonzero(mask)
    picked = candidates[rng.random(len(candidates)) < share]
    if not len(picked) and len(candidates):
        picked = rng.choice(candidates, 1)
    return np.isin(np.arange(len(mask)), picked)


def _taken_out(table: EventTable, mask: np.ndarray) -> pa.Table:
    """The rows of a mask, which then are not delivered otherwise."""
    table.arrival[mask] = NEVER
    return table.rows.filter(pa.array(mask))


def _with(rows: pa.Table, **columns: pa.ChunkedArray | pa.Array) -> pa.Table:
    """The table with some columns replaced, in their types."""
    for name, values in columns.items():
        position = rows.column_names.index(name)
        kept = rows.schema.field(name)
        rows = rows.set_column(position, kept, values.cast(kept.type))
    return rows


def _moved(table: EventTable, rows: pa.Table, days: np.ndarray) -> pa.Table:
    """Rows whose event stands `days` (rows,) later."""
    column = table.contract.event_column
    moved = instants(rows[column]) + days.astype(np.int64) * MICROS_PER_DAY
    kind = rows.schema.field(column).type
    zone = kind.tz if pa.types.is_timestamp(kind) else None
    return _with(rows, **{column: pa.array(moved).cast(pa.timestamp("us", zone))})


def _renamed(table: EventTable, rows: pa.Table, prefix: str) -> pa.Table:
    """Rows with identifiers of their own; where the day is part of the key it tells them apart."""
    if table.has_day_in_key:
        return rows
    key = table.contract.business_key[0]
    return _with(rows, **{key: pc.binary_join_element_wise(pa.scalar(prefix), rows[key], "-")})


def _padded(table: EventTable, rows: pa.Table) -> pa.Table:
    """Rows of which every fourth has a blank after its identifier."""
    key = table.contract.business_key[0]
    every_fourth = pa.array(np.arange(len(rows)) % 4 == 3)
    padded = pc.binary_join_element_wise(rows[key], "", " ")
    return _with(rows, **{key: pc.if_else(every_fourth, padded, rows[key])})


def _corrected(table: EventTable, rows: pa.Table, factor: int, snapshot: date) -> pa.Table:
    """Rows of the same keys with other numbers; a snapshot is taken anew."""
    columns: dict = {}
    for column in rows.schema:
        if column.name in table.contract.business_key:
            continue
        if pa.types.is_integer(column.type):
            columns[column.name] = pc.add(pc.multiply(rows[column.name], factor), 1)
        elif pa.types.is_decimal(column.type):
            columns[column.name] = pc.divide(rows[column.name].cast(pa.float64()), factor)
    if "error_code" in rows.column_names:
        failed = pc.is_valid(rows["error_code"])
        columns["error_code"] = pc.if_else(failed, pa.scalar(None, pa.string()), "E429")
    if "snapshot_date" in rows.column_names:
        columns["snapshot_date"] = pa.array([snapshot] * len(rows), pa.date32())
    return _once(table, _with(rows, **columns))


def _once(table: EventTable, rows: pa.Table) -> pa.Table:
    """The first row of each key: two snapshots of a day that are taken anew would be one."""
    keys = zip(*(rows[name].to_pylist() for name in table.contract.business_key), strict=True)
    seen: set[tuple] = set()
    return rows.filter(pa.array([not (key in seen or seen.add(key)) for key in keys], pa.bool_()))


def _known_before(plan: Plan, table: EventTable, number: int) -> np.ndarray:
    """Mask (rows,) of events of the month before the day before an evening."""
    age = plan.day(number) - table.days
    return (age > 1) & (age <= 30)


def late(plan: Plan, rng: Rng) -> None:
    """A fifth of a day's rows comes 3, 20 or 40 days after it."""
    for number in plan.every(3, first=1):
        for table in plan.events:
            for lag in LATE_DAYS:
                of_day = (table.days == plan.day(number) - lag) & (table.arrival != NEVER)
                rows = _taken_out(table, _chosen(of_day, 0.2, rng))
                plan.evenings[number].files.append(File(table.name, f"late_{lag}", rows, "late"))


def foreign(plan: Plan, rng: Rng) -> None:
    """Another tool inserts rows, some in transactions that began before yesterday's build.

    It corrects what was there, also to another day, by inserting again and by updating.
    """
    for number in sorted({*plan.every(4, first=1), *plan.every(4, first=2)}):
        evening = plan.evenings[number]
        for table in plan.events:
            due = table.arrival == number
            rows = _taken_out(table, _chosen(due, 0.5, rng))
            evening.inserts.append(Insert(table.name, rows, "foreign"))
            if number > 1:
                rows = _taken_out(table, _chosen(due & (table.arrival != NEVER), 0.3, rng))
                evening.inserts.append(Insert(table.name, rows, "foreign", LONG_TRANSACTION))
            known = _chosen(_known_before(plan, table, number), 0.01, rng)
            rows = _corrected(table, table.rows.filter(pa.array(known)), 5, evening.day)
            if not table.has_day_in_key:
                rows = _moved(table, rows, -rng.integers(0, 3, len(rows)))
            evening.inserts.append(Insert(table.name, rows, "foreign"))
            evening.statements.append(_update(plan, table, number))


def _update(plan: Plan, table: EventTable, number: int) -> Statement:
    """Move a third of the accounts' rows of one day to nine days earlier."""
    column = table.contract.event_column
    return Statement(
        f"update {SCHEMA}.{table.name} set {column} = {column} - 9 * interval '1 day' "
        f"where {column} >= %(day)s and {column} < %(day)s::date + 1 "
        f"and source_file ~ '__regular' and hashtext({table.account_column}) %% 3 = 0",
        {"day": _date(plan.day(number) - 12)},
        "foreign",
    )


def duplicate(plan: Plan, rng: Rng) -> None:
    """Yesterday's file again under another name, its rows in another file, and by another tool."""
    for number in plan.every(4, first=2):
        evening = plan.evenings[number]
        for file in plan.evenings[number - 1].files:
            table = next((table for table in plan.events if table.name == file.table), None)
            if table is None or file.fault:
                continue
            evening.files.append(File(file.table, "again", file.rows, "duplicate"))
            mask = _chosen(np.full(len(file.rows), True), 0.3, rng)
            rows = file.rows.filter(pa.array(mask))
            if len(rows) < len(file.rows):
                evening.files.append(File(file.table, "repeated", rows, "duplicate"))
            evening.inserts.append(Insert(file.table, rows, "duplicate", timedelta(minutes=5)))


def correction(plan: Plan, rng: Rng) -> None:
    """Older rows come again with other values, revenue as a restated snapshot."""
    for number in plan.every(3, first=2):
        evening = plan.evenings[number]
        for table in plan.events:
            known = _chosen(_known_before(plan, table, number), 0.03, rng)
            rows = _corrected(table, table.rows.filter(pa.array(known)), 3, evening.day)
            evening.files.append(File(table.name, "correction", rows, "correction"))


def move(plan: Plan, rng: Rng) -> None:
    """A correction moves rows to other days, one of them ahead of its delivery.

    Some have a blank after their key. Later other rows arrive on the days left, and then the rows
    move on or back.
    """
    for first in plan.every(4, first=1):
        for table in (table for table in plan.events if not table.has_day_in_key):
            known = _chosen(_known_before(plan, table, first), 0.01, rng)
            rows = table.rows.filter(pa.array(known))
            days = rng.choice([-25, -6, -1, 1], len(rows))
            days[:1] = plan.day(first) + 3 - table.days[known][:1]
            days_back = np.where(rng.random(len(rows)) < 0.5, 0, days - 3)
            steps = (
                _moved(table, _padded(table, rows), days),
                _renamed(table, rows, f"after-{first}"),
                _moved(table, rows, days_back),
            )
            number: int | None = first
            for step, part in enumerate(steps, 1):
                if number is not None:
                    file = File(table.name, f"move_{first}_{step}", part, "move")
                    plan.evenings[number].files.append(file)
                    number = plan.at_least(number + 2 if step == 1 else number + 1)


def future(plan: Plan, rng: Rng) -> None:
    """Rows dated after their delivery, by days and by years."""
    for number in plan.every(3, first=2):
        evening = plan.evenings[number]
        for table in plan.events:
            recent = _known_before(plan, table, number)
            picked = rng.choice(np.flatnonzero(recent), len(FUTURE_DAYS), replace=False)
            rows = _renamed(table, table.rows.take(picked), f"future-{number}")
            ahead = plan.day(number) + np.array(FUTURE_DAYS) - table.days[picked]
            rows = _moved(table, rows, ahead)
            evening.files.append(File(table.name, "future", rows, "future"))


def empty(plan: Plan, rng: Rng) -> None:
    """After an evening without any file (chosen before all else) one with files without rows."""
    for number in sorted(plan.no_files):
        later = plan.at_least(number + 1)
        for table in plan.events if later is not None else ():
            nothing = table.rows.slice(0, 0)
            plan.evenings[later].files.append(File(table.name, "no_rows", nothing, "empty"))


def _without_files(plan: Plan) -> None:
    """Let a whole evening a week come with the next one."""
    plan.no_files = frozenset(range(3, len(plan.evenings) - 1, 7))
    for arrival in [table.arrival for table in plan.events] + [a for _, a in plan.others.values()]:
        arrival[np.isin(arrival, list(plan.no_files))] += 1


def reseg(plan: Plan, rng: Rng) -> None:
    """Accounts change segment and plan tier, now or as of twelve days ago."""
    details, _ = plan.others["customer_details"]
    for number in plan.every(2, first=2):
        evening = plan.evenings[number]
        at = evening.at - (timedelta(hours=1) if number % 4 else timedelta(days=12, minutes=number))
        rows = details.take(np.sort(rng.choice(len(details), min(3, len(details)), replace=False)))
        ids = rows["account_id"].to_pylist()
        rows = rows.filter(pa.array([name not in ids[:i] for i, name in enumerate(ids)]))
        rows = _with(
            rows,
            segment=pc.if_else(pc.equal(rows["segment"], "Strategic"), "Commercial", "Strategic"),
            plan_tier=pc.if_else(pc.equal(rows["plan_tier"], "Growth"), "Enterprise", "Growth"),
            date_updated=pa.array([at] * len(rows)),
        )
        evening.files.append(File("customer_details", "reseg", rows, "reseg"))


def erase(plan: Plan, rng: Rng) -> None:
    """An account's rows go, the corrections of others, and the last rows of a whole day."""
    for number in plan.every(5, first=4):
        statements = plan.evenings[number].statements
        first = plan.events[0]
        account = str(rng.choice(first.rows[first.account_column].unique().to_pylist()))
        day = _date(plan.day(number) - 5)
        for table in plan.events:
            column = table.contract.event_column
            of_account = table.account_column
            for condition, parameters in (
                (f"{of_account} = %(account)s", {"account": account}),
                (f"{column} >= %(day)s and {column} < %(day)s::date + 1", {"day": day}),
                (f"source_file ~ '__(move|correction)' and hashtext({of_account}) %% 3 = 0", {}),
            ):
                statement = f"delete from {SCHEMA}.{table.name} where {condition}"
                statements.append(Statement(statement, parameters, "erase"))


def kill(plan: Plan, rng: Rng) -> None:
    """The build after an evening is killed while it writes a table, then started again."""
    for number in plan.every(5, first=2):
        plan.evenings[number].is_killed = True


def lag(plan: Plan, rng: Rng) -> None:
    """One feed after the other delivers nothing for two evenings, and then all of it at once."""
    feeds = [
        *((table.name, table.rows, table.arrival) for table in plan.events),
        *((name, *plan.others[name]) for name in ("support_tickets", "subscriptions")),
    ]
    for turn, first in enumerate(plan.every(LAG_EVENINGS, first=1)):
        later = plan.at_least(first + LAG_EVENINGS)
        if later is not None:
            name, rows, arrival = feeds[turn % len(feeds)]
            due = (arrival >= first) & (arrival < later) & (arrival != NEVER)
            file = File(name, f"lagging_{first}", rows.filter(pa.array(due)), "lag")
            plan.evenings[later].files.append(file)
            arrival[due] = NEVER


def unload(plan: Plan, rng: Rng) -> None:
    """A wrong file is taken back after the build, or replaced; a right one goes and comes again."""
    for turn, number in enumerate(plan.every(4, first=1)):
        evening, later = plan.evenings[number], plan.at_least(number + 1)
        if later is None:
            continue
        for position, table in enumerate(plan.events):
            known = _chosen(_known_before(plan, table, number), 0.05, rng)
            rows = _corrected(table, table.rows.filter(pa.array(known)), 7, evening.day)
            if not table.has_day_in_key:
                rows = _moved(table, rows, rng.integers(-4, 1, len(rows)))
            rows = pa.concat_tables([rows, _renamed(table, rows, f"wrong-{number}")])
            wrong = File(table.name, f"wrong_{number}", _once(table, rows), "unload")
            evening.files.append(wrong)
            if (turn + position) % 2:
                plan.evenings[later].taken_back.append(TakenBack(wrong, number, "unload"))
            else:
                right = File(table.name, wrong.label, rows.slice(0, len(rows) // 4), "unload", True)
                plan.evenings[later].files.append(right)
        _go_and_come(plan, number, later)


def _go_and_come(plan: Plan, number: int, later: int) -> None:
    """Yesterday's regular files of the event tables are taken back, and loaded again."""
    again = plan.at_least(later + 1)
    names = {table.name for table in plan.events}
    for file in plan.evenings[number].files if again is not None else ():
        if file.table in names and file.fault is None:
            plan.evenings[later].taken_back.append(TakenBack(file, number, "unload"))
            rows = file.rows
            plan.evenings[again].files.append(File(file.table, f"back_{number}", rows, "unload"))


def ahead(plan: Plan, rng: Rng) -> None:
    """Another tool stamps the arrival of some rows decades ahead."""
    for number in plan.every(4, first=1):
        evening = plan.evenings[number]
        for table in plan.events:
            known = _chosen(_known_before(plan, table, number), 0.005, rng)
            rows = _corrected(table, table.rows.filter(pa.array(known)), 2, evening.day)
            evening.inserts.append(Insert(table.name, rows, "ahead", -STAMPED_AHEAD))


def case(plan: Plan, rng: Rng) -> None:
    """Older rows come again with other numbers, their keys in other case or between blanks."""
    for number in plan.every(3, first=2):
        evening = plan.evenings[number]
        for table in plan.events:
            forms = {
                column.name: column.normal_form
                for column in table.contract.columns
                if column.name in table.contract.business_key and column.normal_form != "raw"
            }
            known = _chosen(_known_before(plan, table, number), 0.02, rng)
            rows = _corrected(table, table.rows.filter(pa.array(known)), 11, evening.day)
            rows = _with(rows, **{name: _unlike(rows[name], form) for name, form in forms.items()})
            if forms:
                evening.files.append(File(table.name, "case", rows, "case"))


def _unlike(values: pa.ChunkedArray, form: str) -> pa.ChunkedArray:
    """Values that are the same in a normal form and not as written."""
    change = {"lower": pc.utf8_upper, "upper": pc.utf8_lower}.get(form, lambda found: found)
    return pc.binary_join_element_wise("", change(values), "", " ")


def backdate(plan: Plan, rng: Rng) -> None:
    """A contract is said to have started, or to have ended, weeks before it is recorded."""
    for number in plan.every(3, first=2):
        evening = plan.evenings[number]
        rows = _contracts(plan, number, rng)
        stated = pa.array([evening.at - timedelta(days=40)] * len(rows))
        recorded = pa.array([evening.at - timedelta(hours=1)] * len(rows))
        parts = {
            "started": {"start_date": stated, "status": pa.array(["active"] * len(rows))},
            "ended": {"cancellation_date": stated, "status": pa.array(["cancelled"] * len(rows))},
        }
        for hours, (label, changes) in enumerate(parts.items()):
            at = pc.subtract(recorded, pa.scalar(timedelta(minutes=hours)))
            part = _with(rows, event_timestamp=at, created_at=recorded, **changes)
            half = part.slice(hours * (len(part) // 2), max(len(part) // 2, 1))
            evening.files.append(File("subscriptions", f"backdate_{label}", half, "backdate"))


def status(plan: Plan, rng: Rng) -> None:
    """The state of a contract is corrected at the instant at which it was stated."""
    for number in plan.every(3, first=2):
        rows = _contracts(plan, number, rng)
        is_active = pc.equal(rows["status"], "active")
        rows = _with(rows, status=pc.if_else(is_active, "cancelled", "active"))
        plan.evenings[number].files.append(File("subscriptions", "status", rows, "status"))


def _contracts(plan: Plan, number: int, rng: Rng) -> pa.Table:
    """Some rows of contracts that have been delivered by an evening, one per contract."""
    rows, arrival = plan.others["subscriptions"]
    known = np.flatnonzero((arrival >= 0) & (arrival < number))
    rows = rows.take(np.sort(rng.choice(known, min(6, len(known)), replace=False)))
    ids = rows["subscription_id"].to_pylist()
    return rows.filter(pa.array([name not in ids[:i] for i, name in enumerate(ids)]))


def _date(day_number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=int(day_number))


Fault = Callable[[Plan, Rng], None]
BEFORE_CUTTING: dict[str, Fault] = {"late": late, "foreign": foreign, "lag": lag}
AFTERWARDS: dict[str, Fault] = {
    function.__name__: function
    for function in (
        *(duplicate, correction, move, future, empty, reseg, erase, kill),
        *(unload, ahead, case, backdate, status),
    )
}
FAULTS = (*BEFORE_CUTTING, *AFTERWARDS)


def mix_in(plan: Plan, faults: Collection[str], seed: int) -> None:
    """Complete a plan: choose the rows of each fault, then write the files of every evening.

    Each fault has a generator of its own, so that leaving one out changes no other.
    """
    if "empty" in faults:
        _without_files(plan)
    for name, fault in BEFORE_CUTTING.items():
        if name in faults:
            fault(plan, _rng(seed, name))
    deliver(plan)
    for name, fault in AFTERWARDS.items():
        if name in faults:
            fault(plan, _rng(seed, name))
    for number in range(1, len(plan.evenings), 3):
        plan.evenings[number].is_built_twice = True


def _rng(seed: int, name: str) -> Rng:
    return np.random.default_rng([seed, *name.encode()])
