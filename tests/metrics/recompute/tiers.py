"""Plan tiers: who stands on which, and who moves up; accounts that use several models."""

import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.tables import (
    ACCOUNT_DIMENSIONS,
    MEMBER,
    PERIOD,
    Metrics,
    by_member,
    by_period,
    known,
    share,
)


def tier_adoption(company: Company) -> Metrics:
    rows = company.account_periods
    active = rows[(rows["dimension"] == "all") & rows["paying"]]
    parts = []
    for period, part in active.groupby([*PERIOD, "seen_until"]):
        seen = company.changes[company.changes["at"] < period[2]]
        tiers = seen.groupby("account_id")["plan_tier"].last()
        counts = known(part["account_id"].map(tiers)).value_counts()
        parts.append(counts.rename((period[0], period[1])))
    table = pd.concat(parts, axis=1, names=["grain", "period_start"]).T
    table.index = pd.MultiIndex.from_tuples(table.index, names=PERIOD)
    long = []
    for grain, part in table.groupby("grain"):
        counts = part.dropna(axis=1, how="all").fillna(0)
        tiers = counts.reset_index().melt(PERIOD, var_name="dimension_value", value_name="mine")
        everyone = counts.sum(axis=1).rename("mine").reset_index()
        long.append(tiers.assign(dimension="plan_tier"))
        long.append(everyone.assign(dimension="all", dimension_value="all"))
        assert set(part.index.get_level_values("grain")) == {grain}
    rows = pd.concat(long, ignore_index=True)
    total = rows[rows["dimension"] == "all"].set_index(PERIOD)["mine"].rename("total")
    rows = rows.join(total, on=PERIOD)
    yield share("tier_adoption_rate_pct", rows, "mine", "total")


def tier_upgrades(company: Company) -> Metrics:
    ranks = company.seed("plan_tiers").assign(key=lambda seed: seed["plan_tier"].str.lower())
    ranks = ranks.set_index("key")["tier_rank"].astype(float)
    parts = []
    for period in company.periods.itertuples():
        start, end = period.period_start, period.seen_until
        opening = company.changes[company.changes["at"] <= start].groupby("account_id").tail(1)
        opening = opening[(opening["is_active"] != False) & (opening["source"] != "ended")]  # noqa: E712
        closing = company.changes[company.changes["at"] < end].groupby("account_id").tail(1)
        later = opening["account_id"].map(closing.set_index("account_id")["plan_tier"])
        rank, later_rank = (
            known(tiers).str.lower().map(ranks) for tiers in (opening["plan_tier"], later)
        )
        country = opening["country"].astype("object").str.upper()
        parts.append(
            pd.DataFrame(
                {
                    "plan_tier": known(opening["plan_tier"]),
                    "segment": known(opening["segment"]),
                    "region": country.map(company.country_regions).fillna("Unknown"),
                    "opening": 1,
                    "up": (later_rank > rank).astype(int),
                }
            ).assign(grain=period.grain, period_start=start)
        )
    long = by_member(pd.concat(parts, ignore_index=True), ACCOUNT_DIMENSIONS)
    table = long.groupby(PERIOD + MEMBER, as_index=False)[["opening", "up"]].sum()
    yield share("tier_upgrade_rate_pct", table, "up", "opening")


def several_models(company: Company) -> Metrics:
    calls = company.requests.dropna(subset="account_id")
    long = by_period(calls, "at")
    models = long.groupby([*PERIOD, "account_id"], as_index=False)["model_variant"].nunique()
    models = models.assign(active=1, several=(models["model_variant"] > 1).astype(int))
    long = by_member(company.with_account(models), ACCOUNT_DIMENSIONS)
    table = long.groupby(PERIOD + MEMBER, as_index=False)[["active", "several"]].sum()
    yield share("multi_model_adoption_rate_pct", table, "several", "active")
