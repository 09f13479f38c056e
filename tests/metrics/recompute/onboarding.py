"""Requests of accounts in weeks 1 to 13 of their age, and the uptime of the regions they use."""

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
    metric,
    share,
)


def young_calls(company: Company) -> pd.DataFrame:
    rows = company.calls.dropna(subset="signed_up")
    age = rows["at"].dt.normalize() - rows["signed_up"]
    return rows[(age >= 0 * DAY) & (age < ADOPTION_DAYS * DAY)]


def used_regions(company: Company) -> pd.DataFrame:
    """Each account with each region that it used, by period; minutes, uptime, open incidents."""
    rows = young_calls(company)
    rows = by_period(rows[rows["region"] != "Unknown"], "at")
    pairs = rows.drop_duplicates([*PERIOD, "account_id", "region"])
    pairs = pairs[[*PERIOD, "account_id", *ACCOUNT_DIMENSIONS]]
    pairs = pairs.merge(company.periods[[*PERIOD, "seen_until"]], on=PERIOD)
    pairs["minutes"] = (pairs["seen_until"] - pairs["period_start"]) / pd.Timedelta(minutes=1)
    states = []
    for region, start, end in pairs[["region", "period_start", "seen_until"]].itertuples(
        index=False
    ):
        incidents = company.outages_of(region)
        unsaid = incidents["resolved"].isna() & incidents["downtime_minutes"].isna()
        states.append(
            (
                company.minutes_down(region, start, end),
                int((unsaid & (incidents["at"] < end)).any()),
            )
        )
    pairs[["down", "open"]] = states
    pairs["up"] = pairs["minutes"] - pairs["down"]
    long = by_member(pairs, ACCOUNT_DIMENSIONS)
    return long.groupby(PERIOD + MEMBER, as_index=False)[["minutes", "up", "open"]].sum()


def onboarding(company: Company) -> Metrics:
    rows = young_calls(company).assign(requests=1)
    groups = by_member(by_period(rows, "at"), (*ACCOUNT_DIMENSIONS, "product")).groupby(
        PERIOD + MEMBER
    )
    table = groups[["requests", "failed"]].sum()
    table["n"] = groups["latency_ms"].count()
    for part in (50, 90):
        table[f"p{part}"] = groups["latency_ms"].quantile(part / 100)
    table = table.reset_index()
    yield share("onboarding_error_rate_pct", table, "failed", "requests")
    for part in (50, 90):
        name = f"onboarding_latency_p{part}_ms"
        yield metric(name, table, table[f"p{part}"], denominator=table["n"])
    yield share("onboarding_uptime_pct", used_regions(company), "up", "minutes")
