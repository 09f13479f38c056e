"""Support as customers meet it, customer success, renewals: ticket by ticket, day by day."""

from bisect import bisect_left
from functools import cache

import numpy as np
import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.health import HISTORY, Health
from tests.metrics.recompute.revenue import revenue
from tests.metrics.recompute.subscriptions import later
from tests.metrics.recompute.support import judged_tickets
from tests.metrics.recompute.tables import (
    ACCOUNT_DIMENSIONS,
    DAY,
    MEMBER,
    PERIOD,
    Bronze,
    Metrics,
    by_member,
    by_period,
    metric,
    plain,
    share,
)

ANSWER, REVIEW, OUTREACH, CALM, RENEWAL = 14, 14, 14, 14, 30
"""Days within which something must be done, or must not have been so before."""
QUARTER = {"week": 13, "month": 3}


def _sums(company: Company, rows: pd.DataFrame, day: str, columns: list[str]) -> pd.DataFrame:
    """Sums of the columns per period and member of the accounts' attributes of today."""
    long = by_member(by_period(company.with_account(rows), day), ACCOUNT_DIMENSIONS)
    return long.groupby(PERIOD + MEMBER, as_index=False)[columns].sum()


def _activities(company: Company) -> pd.DataFrame:
    rows = Bronze(company.settings).latest(
        "customer_success_activities", ["activity_id"], ["loaded_at"]
    )
    rows["done_at"] = rows["done_at"].where(rows["done_at"] < company.end)
    rows["kind"] = rows["activity_type"].str.lower()
    return rows[rows["done_at"].notna() | (rows["due_at"] < company.end)]


def _tickets(company: Company) -> pd.DataFrame:
    """Tickets with the instant of their escalation, if it came before the resolution."""
    rows = judged_tickets(company)
    rows = rows.drop(columns=[*ACCOUNT_DIMENSIONS])  # those of today, not of the creation
    told = Bronze(company.settings).latest(
        "support_tickets", ["ticket_id", "last_updated"], ["loaded_at"]
    )
    told = told[told["status"].str.lower() == "escalated"]
    first = rows["ticket_id"].map(told.groupby("ticket_id")["last_updated"].min())
    until = rows["resolved_at"].fillna(company.end)
    rows["escalated_at"] = first.where(first < until)
    return rows


def active_accounts(company: Company) -> pd.DataFrame:
    """Active paying accounts per period and member."""
    found = next(rows for rows in revenue(company) if rows["metric"].iloc[0] == "active_accounts")
    return found[PERIOD + MEMBER].assign(active=found["value"])


@cache
def _support(company: Company) -> pd.DataFrame:
    rows = _tickets(company)
    rows["tickets"] = 1
    rows["open"] = rows["resolved_at"].isna().astype(int)
    rows["escalated"] = rows["escalated_at"].notna().astype(int)
    rows["not_yet"] = rows["open"] & (1 - rows["escalated"])
    rows["judged"] = (1 - rows["open"]) * rows["reopen_count"].notna()
    rows["first"] = rows["judged"] * (rows["reopen_count"] == 0) * (1 - rows["escalated"])
    rows["rated"] = rows["csat"].notna().astype(int)
    rows["points"] = 25 * (rows["csat"] - 1)
    columns = ["tickets", "open", "escalated", "not_yet", "judged", "first", "rated", "points"]
    return _sums(company, rows, "at", columns)


@cache
def _escalations(company: Company) -> pd.DataFrame:
    rows = _tickets(company)
    rows = rows[rows["escalated_at"].notna()].copy()
    for state in ("met", "breached", "active"):
        rows[state] = (rows["sla_policy"] == state).astype(int)
    rows["due"] = rows["met"] + rows["breached"]
    done = _activities(company).dropna(subset="done_at")
    times = {a: sorted(part) for a, part in done.groupby("account_id")["done_at"]}

    def hours(row) -> float:
        mine = times.get(row.account_id, [])
        place = bisect_left(mine, row.escalated_at)
        wait = mine[place] - row.escalated_at if place < len(mine) else ANSWER * DAY
        return wait / pd.Timedelta(hours=1) if wait < ANSWER * DAY else np.nan

    rows["hours"] = [hours(row) for row in rows.itertuples()]
    long = by_member(by_period(company.with_account(rows), "escalated_at"), ACCOUNT_DIMENSIONS)
    groups = long.groupby(PERIOD + MEMBER)
    table = groups[["met", "breached", "active", "due"]].sum()
    table["hours"], table["answered"] = groups["hours"].median(), groups["hours"].count()
    return table.reset_index()


def support_experience(company: Company) -> Metrics:
    table = _support(company)
    ticketless = active_accounts(company)  # periods in which nobody wrote count 0 tickets
    seen = company.since("requests", "tickets")[PERIOD]
    members = table[["grain", *MEMBER]].drop_duplicates()
    ticketless = ticketless.merge(seen, on=PERIOD).merge(members, on=["grain", *MEMBER])
    both = ticketless.merge(table, on=PERIOD + MEMBER, how="left").fillna({"tickets": 0})
    yield share("tickets_per_account", both, "tickets", "active", factor=1)
    yield share("escalation_rate_pct", table, "escalated", "tickets")
    yield share("first_contact_resolution_rate_pct", table, "first", "judged")
    yield share("support_satisfaction_score", table, "points", "rated", factor=1)
    table = _escalations(company)
    yield share("escalation_resolution_rate_pct", table, "met", "due")
    yield metric("escalation_response_hours", table, table["hours"], denominator=table["answered"])


@cache
def _levels(company: Company) -> pd.DataFrame:
    """Every account in force and day of the health history: score, MRR, level of risk."""
    health = Health(company)
    days = pd.date_range(company.as_of - (HISTORY - 1) * DAY, company.as_of)
    return pd.concat(
        [health.levels(day).reset_index().assign(day=day) for day in days], ignore_index=True
    )


def health_summary(company: Company) -> Metrics:
    rows = _levels(company)
    rows["score"] = rows["health_score"].round(1)
    rows["scored"] = rows["score"].notna().astype(int)
    rows["at_risk"] = rows["risk_level"].isin(["critical", "high"]).astype(int)
    rows["known"] = (rows["risk_level"] != "unknown").astype(int)
    ends = company.periods.assign(day=company.periods["seen_until"] - DAY)
    rows = company.with_account(rows).merge(ends[[*PERIOD, "day"]], on="day")
    long = by_member(rows, ACCOUNT_DIMENSIONS)
    columns = ["score", "scored", "at_risk", "known"]
    table = long.groupby(PERIOD + MEMBER, as_index=False)[columns].sum()
    yield share("account_health_score", table, "score", "scored", factor=1)
    yield plain("at_risk_accounts", table[table["known"] > 0], "at_risk")


def _alarms(company: Company) -> pd.DataFrame:
    """Each day on which an account became at risk, and what came of it."""
    activities, tickets = _activities(company), _tickets(company)
    first_day = min(activities["done_at"].min(), activities["due_at"].min()).normalize()
    outreach = activities[(activities["kind"] == "outreach") & activities["done_at"].notna()]
    found = []
    for account, rows in _levels(company).groupby("account_id"):
        rows = rows.sort_values("day").reset_index(drop=True)
        at_risk = rows["risk_level"].isin(["critical", "high"]).tolist()
        calls = outreach.loc[outreach["account_id"] == account, "done_at"].dt.normalize()
        own = tickets.loc[tickets["account_id"] == account, "escalated_at"].dropna().dt.normalize()
        for place in range(1, len(rows)):
            row, before = rows.iloc[place], rows.iloc[place - 1]
            was = any(at_risk[max(0, place - CALM) : place])
            if not at_risk[place] or was or before["risk_level"] == "unknown":
                continue
            if row["day"] < first_day:
                continue
            called = calls[(calls >= row["day"]) & (calls <= row["day"] + OUTREACH * DAY)].min()
            escalated = own[own >= row["day"]].min()
            if row["has_escalations"] or escalated <= called:
                state = "missed"
            elif pd.notna(called):
                state = "done"
            else:
                over = row["day"] + OUTREACH * DAY <= company.as_of
                state = "missed" if over else "waiting"
            found.append({"account_id": account, "day": row["day"], "state": state})
    return pd.DataFrame(found)


def _reviews(company: Company) -> pd.DataFrame:
    rows = _activities(company)
    rows = rows[(rows["kind"] == "qbr") & (rows["due_at"] < company.end)].copy()
    rows["day"] = rows["due_at"].dt.normalize()
    in_time = rows["done_at"] <= rows["due_at"] + REVIEW * DAY
    over = rows["day"] + REVIEW * DAY <= company.as_of
    rows["state"] = np.where(in_time, "done", np.where(over, "missed", "waiting"))
    return rows


@cache
def _judged(company: Company, kind: str) -> pd.DataFrame:
    """Counts of what was done, missed and is waiting, per period and member."""
    rows = {"reviews": _reviews, "alarms": _alarms, "renewals": _renewals}[kind](company)
    for state in ("done", "missed", "waiting"):
        rows[state] = (rows["state"] == state).astype(int)
    table = _sums(company, rows, "day", ["done", "missed", "waiting"])
    table["due"] = table["done"] + table["missed"]
    if kind == "renewals":
        return table
    first = _activities(company)[["done_at", "due_at"]].min().min().normalize()
    return table[table["period_start"] >= first]


def cs_engagement(company: Company) -> Metrics:
    yield share("qbr_completion_rate_pct", _judged(company, "reviews"), "done", "due")
    yield share("proactive_outreach_rate_pct", _judged(company, "alarms"), "done", "due")
    activities = _activities(company)
    first = activities[["done_at", "due_at"]].min().min().normalize()
    checks = company.with_account(
        activities[(activities["kind"] == "health_check") & activities["done_at"].notna()]
    )
    table = active_accounts(company)
    counts = []
    for row in table.itertuples():
        if row.grain == "week":
            begin, end = row.period_start - 12 * 7 * DAY, row.period_start + 7 * DAY
            first_whole = first + (-first.day_of_week % 7) * DAY
        else:
            begin = row.period_start - pd.DateOffset(months=2)
            end = row.period_start + pd.DateOffset(months=1)
            first_whole = first if first.day == 1 else first + pd.offsets.MonthBegin(1)
        mine = checks
        if row.dimension != "all":
            if row.dimension not in ACCOUNT_DIMENSIONS:
                counts.append(np.nan)
                continue
            mine = checks[checks[row.dimension] == row.dimension_value]
        within = (mine["done_at"] >= begin) & (mine["done_at"] < end)
        counts.append(within.sum() if begin >= first_whole else np.nan)
    table["checks"] = counts
    table = table.dropna(subset="checks").reset_index(drop=True)
    yield share("health_check_frequency", table, "checks", "active", factor=1)


def _renewals(company: Company) -> pd.DataFrame:
    """Each annual contract and day on which it was due, and what came of it."""
    contracts = Health(company).subscriptions
    lives = {
        name: [span for span in spans if span.state.pays and span.begin < span.end]
        for name, spans in contracts.lives.items()
    }
    found = []
    for name, spans in lives.items():
        for begin, end, state in spans:
            if state.rhythm != "annual":
                continue
            stated = state.renews if state.renews and state.renews > state.starts else None
            anchor = (stated or state.starts).date()
            dues = (later(anchor, 12 * count) for count in range(0 if stated else 1, 100))
            for due in (pd.Timestamp(day) for day in dues):
                if due > company.as_of:
                    break
                if not begin < due - DAY <= end:
                    continue
                judged = due + (RENEWAL + 1) * DAY
                goes_on = any(
                    span.begin < judged <= span.end
                    and span.state.account == state.account
                    and (other == name or others[0].begin >= due - RENEWAL * DAY)
                    for other, others in lives.items()
                    for span in others
                )
                over = due + RENEWAL * DAY <= company.as_of
                outcome = ("done" if goes_on else "missed") if over else "waiting"
                found.append({"account_id": state.account, "day": due, "state": outcome})
    return pd.DataFrame(found, columns=["account_id", "day", "state"])


def renewals(company: Company) -> Metrics:
    yield share("renewal_rate_pct", _judged(company, "renewals"), "done", "due")


def still_open(company: Company, name: str) -> pd.DataFrame | None:
    """What may still change a metric of this file, per period and member: column `open`."""
    table, column = {
        "escalation_rate_pct": (_support, "not_yet"),
        "first_contact_resolution_rate_pct": (_support, "open"),
        "support_satisfaction_score": (_support, "open"),
        "escalation_resolution_rate_pct": (_escalations, "active"),
        "qbr_completion_rate_pct": (lambda c: _judged(c, "reviews"), "waiting"),
        "proactive_outreach_rate_pct": (lambda c: _judged(c, "alarms"), "waiting"),
        "renewal_rate_pct": (lambda c: _judged(c, "renewals"), "waiting"),
    }.get(name, (None, None))
    if table is None:
        return None
    rows = table(company)
    return rows[PERIOD + MEMBER].assign(open=rows[column])


WINDOWS = {
    "escalation_response_hours": ANSWER,
    "qbr_completion_rate_pct": REVIEW,
    "proactive_outreach_rate_pct": OUTREACH,
    "renewal_rate_pct": RENEWAL,
}
"""Days after the end of a period within which the value may change."""
