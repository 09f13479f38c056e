"""Tickets against their targets, with business hours counted day by day on the wall clock."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.tables import (
    ACCOUNT_DIMENSIONS,
    MEMBER,
    PERIOD,
    Bronze,
    Metrics,
    by_member,
    by_period,
    known,
    share,
)

CLOCKS = ("policy", "calendar", "business")
STATES = ("met", "breached", "active", "not_judged")


class Desk:
    """Opening windows of a schedule, as the company states them."""

    def __init__(self, company: Company, schedule: str):
        def rows(table: str, *key: str) -> pd.DataFrame:
            stated = Bronze(company.settings).latest(table, ["schedule", *key], ["loaded_at"])
            return stated[stated["schedule"] == schedule]

        closed = rows("support_holidays", "holiday_date").dropna(subset="holiday_name")
        self.zone = ZoneInfo(rows("support_schedules")["time_zone"].item())
        self.holidays = set(closed["holiday_date"].dt.date)
        self.hours: dict[int, list[tuple[date, float, float]]] = {}
        hours = rows("support_hours", "weekday", "valid_from").sort_values("valid_from")
        for one in hours.itertuples():
            stated = (one.valid_from.date(), one.opens_minute, one.closes_minute)
            self.hours.setdefault(int(one.weekday), []).append(stated)
        self.window = cache(self._window)

    def _window(self, day: date) -> tuple[datetime, datetime] | None:
        if day in self.holidays:
            return None
        stated = [one for one in self.hours.get(day.isoweekday(), []) if one[0] <= day]
        if not stated or pd.isna(stated[-1][1]):
            return None
        midnight = datetime(day.year, day.month, day.day)
        start, stop = (midnight + timedelta(minutes=int(minute)) for minute in stated[-1][1:])
        return tuple(one.replace(tzinfo=self.zone).astimezone(UTC) for one in (start, stop))

    def seconds(self, start: pd.Timestamp, end: pd.Timestamp) -> float:
        """Open seconds within [start, end), both naive UTC; nan where one is missing."""
        if pd.isna(start) or pd.isna(end):
            return np.nan
        start, end = (t.to_pydatetime().replace(tzinfo=UTC) for t in (start, end))
        day, total = start.astimezone(self.zone).date(), 0.0
        while day <= end.astimezone(self.zone).date():
            if window := self.window(day):
                overlap = min(end, window[1]) - max(start, window[0])
                total += max(overlap.total_seconds(), 0.0)
            day += timedelta(days=1)
        return total


def judged_tickets(company: Company) -> pd.DataFrame:
    """Tickets with the account's attributes at their creation, hours and states by every clock."""
    rows = company.tickets.copy()
    for name in ("resolved_at", "first_response_at"):
        rows[name] = rows[name].where(rows[name] < company.end)
    rows = _as_of_creation(company, rows)
    rows["priority"] = known(rows["priority"].str.lower())
    rows["category"] = known(rows["category"].str.lower())
    targets = company.promises
    desks = {name: Desk(company, name) for name in targets["schedule"].unique()}
    records = [_judge(row, targets, desks, company.end) for row in rows.itertuples()]
    if rows["first_response_at"].isna().all():
        for record in records:
            record.update({f"first_response_{clock}": "not_judged" for clock in CLOCKS})
    return pd.concat([rows, pd.DataFrame(records, index=rows.index)], axis=1)


def _judge(row, targets: pd.DataFrame, desks: dict[str, Desk], end: pd.Timestamp) -> dict:
    agreed = targets[
        (targets["priority"] == row.priority)
        & (pd.to_datetime(targets["valid_from"]) <= row.at.normalize())
    ]
    record = {"hours_calendar": np.nan, "hours_business": np.nan, "clock": None}
    record |= {f"{wait}_{c}": "not_judged" for wait in ("sla", "first_response") for c in CLOCKS}
    resolved = row.resolved_at if pd.notna(row.resolved_at) else None
    answered = row.first_response_at if pd.notna(row.first_response_at) else None
    if resolved is not None:
        record["hours_calendar"] = (resolved - row.at) / pd.Timedelta(hours=1)
    if agreed.empty:
        return record
    target = agreed.iloc[-1]
    desk = desks[target["schedule"]]
    record["clock"] = target["clock"]
    if resolved is not None:
        record["hours_business"] = desk.seconds(row.at, resolved) / 3600
    waits = [("sla", resolved, resolved or end, target["resolution_hours"])]
    if answered is not None or resolved is None:
        waits.append(("first_response", answered, answered or end, target["first_response_hours"]))
    for wait, done, until, hours in waits:
        if pd.isna(hours) or until < row.at:
            continue
        seconds = {
            "calendar": (until - row.at).total_seconds(),
            "business": desk.seconds(row.at, until),
        }
        for clock in CLOCKS:
            taken = seconds[target["clock"] if clock == "policy" else clock]
            late, open_ = taken > float(hours) * 3600, done is None
            record[f"{wait}_{clock}"] = "breached" if late else "active" if open_ else "met"
    return record


def _as_of_creation(company: Company, rows: pd.DataFrame) -> pd.DataFrame:
    """Tier, segment and region by the newest change up to the creation; Unknown before any."""
    versions = company.changes.sort_values("at").copy()
    versions["plan_tier"] = known(versions["plan_tier"])
    versions["segment"] = known(versions["segment"])
    regions = versions["country"].astype("object").str.upper().map(company.country_regions)
    versions["region"] = regions.fillna("Unknown")
    wanted = ["account_id", "at", *ACCOUNT_DIMENSIONS]
    parts = {table["account_id"].iloc[0]: table for _, table in versions.groupby("account_id")}
    found = []
    for row in rows.itertuples():
        table = parts.get(row.account_id)
        before = table[table["at"] <= row.at] if table is not None else None
        found.append(
            before.iloc[-1][wanted[2:]].tolist()
            if before is not None and len(before)
            else ["Unknown"] * 3
        )
    return rows.assign(**dict(zip(ACCOUNT_DIMENSIONS, zip(*found, strict=True), strict=True)))


def adherence(tickets: pd.DataFrame, clock: str, dimensions: tuple[str, ...]) -> pd.DataFrame:
    """Counts of states, hours and ratings per period and member, by one clock."""
    wide = tickets.copy()
    for state in STATES:
        wide[state] = (wide[f"sla_{clock}"] == state).astype(int)
        wide[f"first_response_{state}"] = (wide[f"first_response_{clock}"] == state).astype(int)
    hours = "hours_business" if clock == "business" else "hours_calendar"
    long = by_member(by_period(wide, "at"), dimensions)
    groups = long.groupby(PERIOD + MEMBER)
    counts = [*STATES, *(f"first_response_{state}" for state in STATES)]
    table = groups[counts].sum()
    table["tickets"] = groups.size()
    table["mean"] = groups[hours].mean()
    table["median"] = groups[hours].median()
    table["p90"] = groups[hours].quantile(0.9)
    table["csat"] = groups["csat"].mean()
    for wait in ("", "first_response_"):
        table[f"{wait}due"] = table[f"{wait}met"] + table[f"{wait}breached"]
    return table.reset_index()


def service_levels(company: Company) -> Metrics:
    table = adherence(judged_tickets(company), "policy", ACCOUNT_DIMENSIONS)
    yield share("sla_adherence_pct", table, "met", "due")
    yield share("first_response_adherence_pct", table, "first_response_met", "first_response_due")
