"""Revenue: growth, targets, recurring revenue, lifetime value."""

import numpy as np
import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.tables import (
    ACCOUNT_DIMENSIONS,
    ANNUAL_TARGET,
    DAY,
    LIFETIME_MONTHS,
    MEMBER,
    PERIOD,
    WEEKS_PER_MONTH,
    Metrics,
    by_member,
    metric,
    on_spine,
    period_starts,
    plain,
    share,
)


def revenue_spine(company: Company) -> pd.DataFrame:
    rows = company.account_periods
    earning = rows[rows["net"].round(6) != 0]
    members = earning[["grain", *MEMBER]].drop_duplicates()
    rows = rows.assign(active_accounts=rows["paying"].astype(int))
    sums = rows.groupby(PERIOD + MEMBER, as_index=False)[["net", "active_accounts"]].sum()
    table = on_spine(company.since("revenue"), members, sums)
    before = sums.rename(columns={"period_start": "before", "net": "net_before"})
    table = table.merge(
        before[["grain", "before", *MEMBER, "net_before"]],
        on=["grain", "before", *MEMBER],
        how="left",
    )
    first = company.first_day["revenue"]
    table["complete"] &= table["period_start"] >= first
    comparable = table["complete"] & (table["before"] >= first)
    table["net_before"] = table["net_before"].fillna(0).where(comparable)
    table["growth"] = table["net"] - table["net_before"]
    return table


def revenue(company: Company) -> Metrics:
    table = revenue_spine(company)
    daily = by_member(company.money, (*ACCOUNT_DIMENSIONS, "product"))
    daily = daily.groupby([*MEMBER, daily["at"].dt.normalize()], as_index=False)["net"].sum()
    to_date = []
    for row in table.itertuples():
        mine = daily[(daily["dimension"] == row.dimension)]
        mine = mine[mine["dimension_value"] == row.dimension_value]
        to_date.append(mine.loc[mine["at"].between(row.year, row.seen_until - DAY), "net"].sum())
    table["to_date"] = to_date
    weeks, months = table[table["grain"] == "week"], table[table["grain"] == "month"]
    yield plain("weekly_revenue", weeks, "net")
    yield plain("monthly_revenue", months, "net")
    # growth from nothing, or from a net credit, has no meaning
    yield share("weekly_growth_rate_pct", weeks[weeks["net_before"] > 0], "growth", "net_before")
    yield share("monthly_growth_rate_pct", months[months["net_before"] > 0], "growth", "net_before")
    yield plain("ytd_revenue", table, "to_date")
    yield plain("active_accounts", table, "active_accounts")
    yield share("arpa", table, "net", "active_accounts", factor=1)
    yield compound_growth(weeks, company.first_day["revenue"])
    yield from pace(weeks[(weeks["dimension"] == "all") & weeks["complete"]])
    yield from lifetime_value(table[table["dimension"] != "product"], company.monthly_churn)


def compound_growth(weeks: pd.DataFrame, first_day: pd.Timestamp) -> pd.DataFrame:
    """(this week / first whole week of the year) ^ (1 / weeks between) - 1."""
    opening: dict[tuple, tuple] = {}
    values, firsts = {}, {}
    for row in weeks.sort_values("period_start").itertuples():
        key = row.dimension, row.dimension_value, row.year
        if row.period_start < max(row.year, first_day):
            continue
        start, first = opening.setdefault(key, (row.period_start, row.net))
        firsts[row.Index] = first
        between = (row.period_start - start).days / 7
        if between and row.complete and first > 0 and row.net >= 0:
            values[row.Index] = 100 * ((row.net / first) ** (1 / between) - 1)
    return metric(
        "cwgr_pct", weeks, pd.Series(values, dtype=float), weeks["net"], pd.Series(firsts)
    )


def pace(weeks: pd.DataFrame) -> Metrics:
    """Share of the annual target, and the growth it still takes."""
    weeks = weeks.assign(target=float(ANNUAL_TARGET), missing=ANNUAL_TARGET - weeks["to_date"])
    year_end = weeks["year"] + pd.DateOffset(years=1) - DAY
    weeks["remaining"] = (year_end - weeks["period_start"]).dt.days // 7
    yield share("target_attainment_pct", weeks, "to_date", "target")
    possible = (weeks["remaining"] > 0) & (weeks["to_date"] > 0)
    root = (ANNUAL_TARGET / weeks["to_date"].where(possible)) ** (1 / weeks["remaining"])
    catch_up = 100 * (root - 1)
    yield metric("catch_up_cwgr_pct", weeks, catch_up, weeks["target"], weeks["to_date"])
    required = [
        100 * required_growth(row.net, row.missing, row.remaining) for row in weeks.itertuples()
    ]
    yield metric("required_weekly_growth_pct", weeks, required, weeks["missing"], weeks["net"])


def required_growth(weekly: float, missing: float, remaining: int) -> float:
    """The g for which weekly * (1 + g)^k, summed over k = 1..remaining, is what is missing."""
    if weekly <= 0 or missing <= 0 or remaining <= 0:
        return np.nan
    polynomial = np.r_[np.ones(remaining), -missing / weekly]
    roots = np.roots(polynomial)
    real = roots[(abs(roots.imag) < 1e-9) & (roots.real > 0)].real
    assert len(real) == 1, "one positive root, by Descartes' rule of signs"
    factor = real[0]
    for _ in range(3):  # polish: roots of high degree are not exact
        factor -= np.polyval(polynomial, factor) / np.polyval(np.polyder(polynomial), factor)
    return factor - 1


def lifetime_value(table: pd.DataFrame, churn: pd.DataFrame) -> Metrics:
    arpa = table["net"] / table["active_accounts"].where(table["active_accounts"] != 0)
    weeks = table["grain"] == "week"
    monthly = (arpa * WEEKS_PER_MONTH).where(weeks, arpa).where(table["complete"])
    yield metric("cltv", table, monthly * LIFETIME_MONTHS, monthly)
    at_risk = churn["opening_accounts"].where(churn["opening_accounts"] > 0)
    rates = churn.assign(rate=100 * churn["lost_accounts"] / at_risk, month=churn["period_start"])
    # the newest month that was over when the period was: a new month starts with its first day
    last_month = period_starts(table["seen_until"], "month") - pd.offsets.MonthBegin(1)
    joined = table.assign(month=last_month).merge(
        rates[["month", *MEMBER, "rate"]], on=["month", *MEMBER], how="left"
    )
    rate = pd.Series(joined["rate"].to_numpy(), table.index)
    yield metric("cltv_observed", table, 100 * monthly / rate.where(rate > 0), 100 * monthly, rate)


def recurring(company: Company) -> Metrics:
    flow = company.waterfall
    yield plain("mrr", flow, "mrr")
    yearly = flow.assign(
        **{name: 12 * flow[name] for name in flow.columns if name not in PERIOD + MEMBER}
    )
    yield plain("arr", yearly, "mrr")
    for name in ("opening", "new", "reactivation", "expansion", "contraction", "churn"):
        yield plain(f"arr_{name}", yearly, name)
    yield share("logo_churn_rate_pct", company.monthly_churn, "lost_accounts", "opening_accounts")
    then = company.contract_values[["grain", "period_start", "account_id", "mrr"]]
    then = then[then["mrr"] > 0].rename(columns={"period_start": "year_ago", "mrr": "then"})
    now = company.contract_values.merge(company.periods[[*PERIOD, "year_ago"]], on=PERIOD).merge(
        then, on=["grain", "year_ago", "account_id"]
    )
    now = by_member(now, ACCOUNT_DIMENSIONS)
    now["kept"] = now[["mrr", "then"]].min(axis=1)
    now["logos_then"] = 1
    now["logos_now"] = (now["mrr"] > 0).astype(int)
    sums = now.groupby(PERIOD + MEMBER, as_index=False)[
        ["mrr", "then", "kept", "logos_then", "logos_now"]
    ].sum()
    yield share("nrr_pct", sums, "mrr", "then")
    yield share("grr_pct", sums, "kept", "then")
    yield share("logo_retention_pct", sums, "logos_now", "logos_then")
