"""How tokens answer to changes of the price list, change by change."""

import numpy as np
import pandas as pd
from tests.metrics.recompute.company import Company
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
)

WINDOW_DAYS, FEWEST_ACCOUNTS, WIDEST_INTERVAL = 28, 5, 0.5
WINDOW = WINDOW_DAYS * DAY


def _changes(company: Company) -> pd.DataFrame:
    """Relative change of the price per tier, model and day."""
    key = ["plan_tier", "model_variant", "currency"]
    rows = Bronze(company.settings).all("plan_prices")
    rows["plan_tier"] = rows["plan_tier"].str.lower()
    rows = rows.sort_values("loaded_at").drop_duplicates([*key, "valid_from"], keep="last")
    rows = rows.sort_values("valid_from")
    earlier = rows.groupby(key)["price"].shift()
    rows["change"] = (rows["price"] / earlier - 1).round(6)
    rows = rows[rows["change"].notna() & (rows["price"] != earlier)]
    return rows.groupby([*key[:2], "valid_from"], as_index=False)["change"].mean()


def _tiers(company: Company, day: pd.Timestamp) -> pd.Series:
    """Plan tier in lower case of each account at the begin of a day."""
    past = company.changes[company.changes["at"] <= day].sort_values("at")
    return past.groupby("account_id")["plan_tier"].last().str.lower()


def price_sensitivity(company: Company) -> Metrics:
    changes = _changes(company)
    listed = Bronze(company.settings).all("plan_prices")["plan_tier"].str.lower().unique()
    parts = []
    for one in changes.itertuples():
        day = one.valid_from
        near = changes[(changes["valid_from"] - day).abs() < WINDOW]
        same = near[
            (near["plan_tier"] == one.plan_tier) & (near["model_variant"] == one.model_variant)
        ]
        is_observed = day - WINDOW >= company.first_day["requests"] and day + WINDOW <= company.end
        if len(same) > 1 or not is_observed:
            continue
        calls = company.calls[["account_id", "model_variant", "at", "tokens"]]
        calls = calls[(calls["at"] >= day - WINDOW) & (calls["at"] < day + WINDOW)]
        calls = calls.assign(
            tier=calls["account_id"].map(_tiers(company, day)),
            before=calls["tokens"].where(calls["at"] < day, 0),
            after=calls["tokens"].where(calls["at"] >= day, 0),
        )
        calm = calls[calls["tier"].isin(set(listed) - set(near["plan_tier"]))]
        calm = calm.groupby("account_id")[["before", "after"]].sum()
        calm = calm[calm["before"] > 0]
        if len(calm) < FEWEST_ACCOUNTS:
            continue
        growth = calm["after"].sum() / calm["before"].sum()
        apart = (calm["after"] - growth * calm["before"]) / calm["before"].sum()
        error = np.sqrt((apart**2).sum() * len(calm) / (len(calm) - 1))
        hit = calls[
            (calls["tier"] == one.plan_tier) & (calls["model_variant"] == one.model_variant)
        ]
        sums = hit.groupby("account_id", as_index=False)[["before", "after"]].sum()
        sums = sums[sums["before"] > 0]
        parts.append(
            sums.assign(
                at=day,
                moved=sums["after"] - growth * sums["before"],
                priced=one.change * sums["before"],
                others=error * sums["before"],
            )
        )
    rows = company.with_account(pd.concat(parts, ignore_index=True))
    long = by_member(by_period(rows, "at"), ACCOUNT_DIMENSIONS)
    found = []
    for key, part in long.groupby(PERIOD + MEMBER):
        moved, priced = part["moved"].sum(), part["priced"].sum()
        apart = part["moved"] - moved / part["before"].sum() * part["before"]
        wide = np.nan
        if part["account_id"].nunique() >= FEWEST_ACCOUNTS:
            own = (apart**2).sum() * len(part) / (len(part) - 1)
            wide = 1.96 * np.sqrt(own + part["others"].sum() ** 2) / abs(priced)
        score = np.clip(-100 * moved / priced, 0, 100) if wide <= WIDEST_INTERVAL else np.nan
        found.append((*key, score, moved, priced))
    names = [*PERIOD, *MEMBER, "score", "moved", "priced"]
    table = pd.DataFrame(found, columns=names)
    yield metric("price_sensitivity_score", table, table["score"], table["moved"], table["priced"])
