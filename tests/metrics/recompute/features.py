"""Features: use by young accounts, releases, use after a release."""

import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.tables import (
    ACCOUNT_DIMENSIONS,
    ADOPTION_DAYS,
    DAY,
    MEMBER,
    PERIOD,
    Metrics,
    by_member,
    by_period,
    plain,
    share,
)

ADOPTED_SHARE, RELEASE_DAYS = 0.25, 30


def first_releases(company: Company) -> pd.Series:
    released = company.releases.groupby("feature_name")["released_at"].min()
    return released[released < company.end]


def uses(company: Company) -> pd.DataFrame:
    """Uses of released features by accounts, with the day of the release."""
    rows = company.events[company.events["event_type"].str.lower() == "feature_used"]
    rows = rows.dropna(subset="account_id")
    days = rows["at"].dt.normalize()
    released = rows["feature_name"].map(first_releases(company)).dt.normalize()
    return rows.assign(day=days, released=released)[days >= released]


def feature_adoption(company: Company) -> Metrics:
    released, rows = first_releases(company), uses(company)
    accounts = company.accounts.dropna(subset="signed_up")
    parts = []
    for period in company.since("product_events").itertuples():
        offered = (released < period.seen_until).sum()
        old_at = accounts["signed_up"] + ADOPTION_DAYS * DAY
        young = accounts[
            (accounts["signed_up"] < period.seen_until) & (old_at > period.period_start)
        ]
        mine = rows[(rows["at"] >= period.period_start) & (rows["at"] < period.seen_until)]
        mine = mine.join(young["signed_up"], on="account_id", how="inner")
        age = mine["day"] - mine["signed_up"]
        mine = mine[(age >= 0 * DAY) & (age < ADOPTION_DAYS * DAY)]
        used = mine.groupby("account_id")["feature_name"].nunique()
        used = used.reindex(young.index).fillna(0)
        adopts = (used >= ADOPTED_SHARE * offered).astype(int)
        part = young.assign(young=1, adopts=adopts)
        parts.append(part.assign(grain=period.grain, period_start=period.period_start))
    long = by_member(pd.concat(parts, ignore_index=True), ACCOUNT_DIMENSIONS)
    table = long.groupby(PERIOD + MEMBER, as_index=False)[["young", "adopts"]].sum()
    yield share("feature_adoption_rate_pct", table, "adopts", "young")


def feature_releases(company: Company) -> Metrics:
    days = first_releases(company).dt.normalize()
    table = company.periods.assign(dimension="all", dimension_value="all")
    month = table["grain"] == "month"
    start = table["period_start"]
    opening = (start - 84 * DAY).where(~month, start - pd.DateOffset(months=2))
    table["released"] = [
        ((days >= first) & (days < end)).sum()
        for first, end in zip(opening, table["seen_until"], strict=True)
    ]
    yield plain("feature_release_velocity", table[opening >= days.min()], "released")

    seen = days[days >= company.first_day["product_events"]]
    events = company.events.dropna(subset="account_id")
    parts = []
    for name, day in seen.items():
        window = events[(events["at"] >= day) & (events["at"] < day + RELEASE_DAYS * DAY)]
        uses_it = window["feature_name"].eq(name)
        uses_it &= window["event_type"].str.lower().eq("feature_used")
        part = uses_it.groupby(window["account_id"]).any().astype(int).rename("adopted")
        parts.append(part.reset_index().assign(day=day, exposed=1))
    pairs = by_period(company.with_account(pd.concat(parts, ignore_index=True)), "day")
    sums = by_member(pairs, ACCOUNT_DIMENSIONS).groupby(PERIOD + MEMBER, as_index=False)
    table = sums[["adopted", "exposed"]].sum()
    yield share("post_release_adoption_rate_pct", table, "adopted", "exposed")
