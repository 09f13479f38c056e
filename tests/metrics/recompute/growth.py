"""Growth of accounts that use something in both of two neighbouring periods."""

import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.tables import (
    ACCOUNT_DIMENSIONS,
    MEMBER,
    PERIOD,
    Metrics,
    by_member,
    metric,
    period_starts,
)


def growth(company: Company) -> Metrics:
    calls = company.requests.dropna(subset="account_id")
    tokens = [name for name in calls if name.endswith("_tokens")]
    calls = calls.assign(tokens=calls[tokens].fillna(0).sum(axis=1), requests=1.0)
    users = company.events.dropna(subset=["account_id", "product_user_id"])
    yield _of(company, "api_call_growth_pct", calls, "requests", "requests")
    yield _of(company, "token_growth_per_account_pct", calls, "requests", "tokens")
    yield _of(company, "internal_user_growth_pct", users, "product_events", None)


def _of(company: Company, name: str, rows: pd.DataFrame, feed: str, amount: str | None):
    """Growth of the sum of a column, or of the number of product users where it is None."""
    parts = []
    for grain, periods in company.periods[company.periods["complete"]].groupby("grain"):
        periods = periods[periods["before"] >= company.first_day[feed]]
        starts = period_starts(rows["at"], grain)
        if amount is None:
            counted = rows.groupby([rows["account_id"], starts])["product_user_id"].nunique()
        else:
            counted = rows.groupby([rows["account_id"], starts])[amount].sum()
        table = counted.unstack(fill_value=0)
        for period in periods.itertuples():
            now = table.get(period.period_start, pd.Series(0.0, table.index))
            then = table.get(period.before, pd.Series(0.0, table.index))
            both = pd.DataFrame({"now": now, "then": then})[(now > 0) & (then > 0)]
            parts.append(both.assign(grain=grain, period_start=period.period_start).reset_index())
    long = company.with_account(pd.concat(parts, ignore_index=True))
    sums = by_member(long, ACCOUNT_DIMENSIONS).groupby(PERIOD + MEMBER, as_index=False)
    table = sums[["now", "then"]].sum()
    gained = table["now"] - table["then"]
    return metric(name, table, 100 * gained / table["then"], gained, table["then"])
