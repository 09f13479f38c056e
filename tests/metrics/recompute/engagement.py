"""Time in the product, and how far accounts use what they have."""

import numpy as np
import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.tables import (
    ACCOUNT_DIMENSIONS,
    DAY,
    MEMBER,
    PERIOD,
    Metrics,
    by_member,
    by_period,
    share,
)

SEAT_WEEKS, SEAT_MONTHS = 13, 3


def engagement_of_accounts(company: Company) -> Metrics:
    events = company.events.dropna(subset=["account_id", "product_user_id"])
    events = events.assign(day=events["at"].dt.normalize(), one=1)
    yield _time(company, events)
    yield _score(company, events)


def _time(company: Company, events: pd.DataFrame) -> pd.DataFrame:
    timed = by_period(events.dropna(subset="session_duration_sec"), "at")
    users = timed.groupby([*PERIOD, "account_id", "product_user_id"], as_index=False)[
        "session_duration_sec"
    ].sum()
    first = company.first_day["product_events"]
    table = by_member(company.with_account(users.assign(users=1)), ACCOUNT_DIMENSIONS)
    table = table.groupby(PERIOD + MEMBER, as_index=False)[["users", "session_duration_sec"]].sum()
    table = table.merge(company.periods, on=PERIOD)
    days = (table["seen_until"] - table["period_start"].clip(lower=first)) / DAY
    table["hours"] = table["session_duration_sec"] / 3600
    table["user_weeks"] = table["users"] * days / 7
    return share("time_in_product_hours", table, "hours", "user_weeks", factor=1)


def _score(company: Company, events: pd.DataFrame) -> pd.DataFrame:
    """Account by account: sets of users, days and features."""
    first = company.first_day["product_events"]
    released = company.releases.groupby("feature_name")["released_at"].min()
    uses = events[events["event_type"].str.lower() == "feature_used"]
    uses = uses.assign(released=uses["feature_name"].map(released))
    uses = uses[uses["day"] >= uses["released"].dt.normalize()]
    rows = []
    for period in company.periods.itertuples():
        start, end = period.period_start, period.seen_until
        opening = (
            start - 7 * (SEAT_WEEKS - 1) * DAY
            if period.grain == "week"
            else start - pd.DateOffset(months=SEAT_MONTHS - 1)
        )
        if opening < first:
            continue
        offered = (released < end).sum()
        window = events[(events["at"] >= opening) & (events["at"] < end)]
        now = window[window["at"] >= start].groupby("account_id")
        used = uses[(uses["at"] >= start) & (uses["at"] < end)].groupby("account_id")
        table = pd.DataFrame({"seats": window.groupby("account_id")["product_user_id"].nunique()})
        table["users"] = now["product_user_id"].nunique()
        table["days"] = now["day"].nunique()
        table["features"] = used["feature_name"].nunique()
        table = table.fillna(0)
        parts = np.array(
            [
                table["users"] / table["seats"],
                table["days"] / ((end - start) / DAY),
                table["features"] / offered,
            ]
        )
        table["score"] = 100 * parts.mean(axis=0)
        rows.append(table.reset_index().assign(grain=period.grain, period_start=start, scored=1))
    long = company.with_account(pd.concat(rows, ignore_index=True))
    sums = by_member(long, ACCOUNT_DIMENSIONS).groupby(PERIOD + MEMBER, as_index=False)
    table = sums[["score", "scored"]].sum()
    return share("product_engagement_score", table, "score", "scored", factor=1)
