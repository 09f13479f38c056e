"""How much of what is on offer accounts use steadily."""

import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.features import first_releases, uses
from tests.metrics.recompute.tables import (
    ACCOUNT_DIMENSIONS,
    MEMBER,
    PERIOD,
    Metrics,
    by_member,
    share,
)

STEADY_DAYS = 2


def integration_depth(company: Company) -> Metrics:
    calls = company.requests.dropna(subset="account_id")
    features, released = uses(company), first_releases(company)
    parts = []
    for period in company.since("requests").itertuples():
        start, end = period.period_start, period.seen_until
        if company.first_day["product_events"] > start:
            continue
        mine = calls[(calls["at"] >= start) & (calls["at"] < end)]
        accounts = mine["account_id"].drop_duplicates()
        table = pd.DataFrame(0.0, accounts, ["score"])
        for column in ("api_name", "model_variant", "source_region"):
            table["score"] += _steady(mine, column).reindex(accounts).fillna(0) / (
                mine[column].nunique()
            )
        used = features[(features["at"] >= start) & (features["at"] < end)]
        offered = (released < end).sum()
        table["score"] += _steady(used, "feature_name").reindex(accounts).fillna(0) / offered
        table["score"] *= 100 / 4
        table = table.rename_axis("account_id").reset_index().assign(scored=1)
        parts.append(table.assign(grain=period.grain, period_start=start))
    long = company.with_account(pd.concat(parts, ignore_index=True))
    sums = by_member(long, ACCOUNT_DIMENSIONS).groupby(PERIOD + MEMBER, as_index=False)
    table = sums[["score", "scored"]].sum()
    yield share("integration_depth_score", table, "score", "scored", factor=1)


def _steady(rows: pd.DataFrame, column: str) -> pd.Series:
    """Per account: how many names of a column it used on enough days."""
    days = rows["at"].dt.normalize()
    counts = days.groupby([rows["account_id"], rows[column]]).nunique()
    return (counts >= STEADY_DAYS).groupby(level=0).sum()
