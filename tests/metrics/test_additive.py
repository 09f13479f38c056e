"""Totals are the sum of their parts, months and weeks of their days, and the waterfall closes."""

import numpy as np
import pandas as pd
import pytest
from tests.metrics.warehouse import frame

from o2r.settings import Settings

GROUP = ["metric", "grain", "period_start"]


def additive(catalog: pd.DataFrame) -> list[str]:
    return sorted(catalog.index[catalog["additivity"] == "additive"])


def test_total_is_the_sum_of_the_members(
    metric_values: pd.DataFrame, catalog: pd.DataFrame
) -> None:
    names = additive(catalog)
    assert names
    rows = metric_values[metric_values["metric"].isin(names)]
    totals = rows[rows["dimension"] == "all"].set_index(GROUP)["value"]
    for dimension, part in rows[rows["dimension"] != "all"].groupby("dimension"):
        sums = part.groupby(GROUP)["value"].sum()
        expected = totals
        if dimension == "product":  # contracts, sign-ups and tickets have no product
            expected = totals[totals.index.get_level_values("metric").isin(part["metric"])]
            assert set(part["metric"]) == {"weekly_revenue", "monthly_revenue", "requests"}
        if dimension == "channel":  # of accounts by their sign-up
            expected = totals[totals.index.get_level_values("metric").isin(part["metric"])]
            assert set(part["metric"]) == {"weekly_signups", "monthly_signups"}
        pd.testing.assert_series_equal(
            sums.sort_index(), expected.sort_index(), rtol=1e-9, atol=1e-5, check_names=False
        )


@pytest.mark.parametrize("metric", ["mrr", "arr", "arr_opening", "ytd_revenue"])
def test_stocks_add_up_over_members_too(metric_values: pd.DataFrame, metric: str) -> None:
    rows = metric_values[metric_values["metric"] == metric]
    totals = rows[rows["dimension"] == "all"].set_index(GROUP)["value"]
    for dimension in ("plan_tier", "segment", "region"):
        part = rows[rows["dimension"] == dimension]
        difference = (part.groupby(GROUP)["value"].sum() - totals).abs()
        assert difference.notna().all()
        assert difference.max() < 1e-4


def test_incidents_are_not_summed_over_regions(metric_values: pd.DataFrame) -> None:
    """An incident without a region concerns them all, so regions exceed the total: a count."""
    rows = metric_values[metric_values["metric"] == "incident_count"]
    totals = rows[rows["dimension"] == "all"].set_index(GROUP)["value"].sort_index()
    sums = rows[rows["dimension"] == "region"].groupby(GROUP)["value"].sum().sort_index()
    assert (sums >= totals).all()
    assert (sums > totals).any()


@pytest.mark.parametrize(
    ("weekly", "monthly"),
    [
        ("weekly_revenue", "monthly_revenue"),
        ("weekly_signups", "monthly_signups"),
        ("requests", "requests"),
        ("ticket_volume", "ticket_volume"),
        ("platform_ticket_volume", "platform_ticket_volume"),
    ],
)
def test_weeks_and_months_hold_the_same_days(
    metric_values: pd.DataFrame, weekly: str, monthly: str
) -> None:
    """Over the whole history both grains hold every day once, for every member."""
    keys = ["dimension", "dimension_value"]
    weeks = metric_values[(metric_values["metric"] == weekly) & (metric_values["grain"] == "week")]
    months = metric_values[
        (metric_values["metric"] == monthly) & (metric_values["grain"] == "month")
    ]
    by_week, by_month = weeks.groupby(keys)["value"].sum(), months.groupby(keys)["value"].sum()
    assert len(by_week) > 5
    pd.testing.assert_series_equal(by_week, by_month, rtol=1e-9, check_names=False)


def test_a_month_of_whole_weeks_equals_their_sum(metric_values: pd.DataFrame) -> None:
    """From a Monday that is the first of a month to the next Monday the first: June to Feb."""
    rows = metric_values[metric_values["metric"].str.startswith("arr_")]
    rows = rows[rows["metric"] != "arr_opening"]
    weeks, months = (rows[rows["grain"] == grain] for grain in ("week", "month"))
    starts = sorted(set(weeks["period_start"]) & set(months["period_start"]))
    assert len(starts) >= 3
    first, last = starts[0], starts[-1]
    keys = ["metric", "dimension", "dimension_value"]
    # net movement is the same in both grains; its classes need not be (up and down in one month)
    signs = {"arr_contraction": -1, "arr_churn": -1}

    def net(part: pd.DataFrame) -> pd.Series:
        part = part[(part["period_start"] >= first) & (part["period_start"] < last)]
        signed = part["value"] * part["metric"].map(signs).fillna(1)
        return signed.groupby([part[key] for key in keys[1:]]).sum()

    assert len(net(months)) > 5
    pd.testing.assert_series_equal(net(weeks), net(months), rtol=1e-9, atol=1e-4)


@pytest.fixture(scope="module")
def waterfall(small: Settings) -> pd.DataFrame:
    rows = frame(small, "select * from mart_gold.mrr_waterfall")
    amounts = [name for name in rows if name.endswith(("_mrr", "_accounts"))]
    rows[amounts] = rows[amounts].astype(float)
    return rows.sort_values(["grain", "dimension", "dimension_value", "period_start"])


def test_waterfall_closes_in_every_row(waterfall: pd.DataFrame) -> None:
    closing = (
        waterfall["opening_mrr"]
        + waterfall["new_mrr"]
        + waterfall["reactivation_mrr"]
        + waterfall["expansion_mrr"]
        - waterfall["contraction_mrr"]
        - waterfall["churn_mrr"]
    )
    assert len(waterfall) > 1000
    assert (closing - waterfall["closing_mrr"]).abs().max() < 1e-5
    accounts = (
        waterfall["opening_accounts"]
        + waterfall["new_accounts"]
        + waterfall["reactivated_accounts"]
        - waterfall["churned_accounts"]
    )
    assert (accounts == waterfall["closing_accounts"]).all()
    for name in ("new", "reactivation", "expansion", "contraction", "churn"):
        assert (waterfall[f"{name}_mrr"] >= 0).all()
        assert waterfall[f"{name}_mrr"].sum() > 0, f"no {name} anywhere"


def test_waterfall_has_no_gap_between_periods(waterfall: pd.DataFrame) -> None:
    members = waterfall.groupby(["grain", "dimension", "dimension_value"])
    for (grain, *_), rows in members:
        starts = pd.to_datetime(rows["period_start"])
        frequency = "W-MON" if grain == "week" else "MS"
        assert list(starts) == list(pd.date_range(starts.iloc[0], starts.iloc[-1], freq=frequency))
        opening, closing = rows["opening_mrr"].to_numpy(), rows["closing_mrr"].to_numpy()
        assert opening[0] == 0
        np.testing.assert_allclose(opening[1:], closing[:-1], rtol=0, atol=1e-6)


def test_arr_metrics_close_as_well(metric_values: pd.DataFrame) -> None:
    keys = ["grain", "period_start", "dimension", "dimension_value"]
    rows = metric_values[metric_values["metric"].str.startswith("arr")]
    table = rows.pivot_table(index=keys, columns="metric", values="value")
    assert table.notna().all().all()
    gap = (
        table["arr_opening"]
        + table["arr_new"]
        + table["arr_reactivation"]
        + table["arr_expansion"]
        - table["arr_contraction"]
        - table["arr_churn"]
        - table["arr"]
    )
    assert gap.abs().max() < 1e-4


def test_retention_rates_stay_in_their_bounds(metric_values: pd.DataFrame) -> None:
    for metric in ("grr_pct", "logo_retention_pct", "retention_rate_pct", "adoption_rate_pct"):
        values = metric_values.loc[metric_values["metric"] == metric, "value"]
        assert len(values)
        assert values.between(0, 100).all(), metric
    keys = ["grain", "period_start", "dimension", "dimension_value"]
    table = metric_values.pivot_table(index=keys, columns="metric", values="value")
    both = table[["nrr_pct", "grr_pct"]].dropna()
    assert (both["grr_pct"] <= both["nrr_pct"]).all()
    assert (both["nrr_pct"] > both["grr_pct"]).any()


def test_retention_cohort_leaves_out_who_came_later(small: Settings) -> None:
    """The cohort's money now never includes new business: it is a part of all money now."""
    rows = frame(
        small,
        """
        select
            nrr.cohort_opening_mrr::float as then, nrr.cohort_closing_mrr::float as kept,
            before.closing_mrr::float as all_then, waterfall.closing_mrr::float as all_now
        from mart_gold.nrr_summary as nrr
        join mart_gold.mrr_waterfall as waterfall
            using (grain, period_start, dimension, dimension_value)
        join intermediate_silver.int_period as period using (grain, period_start)
        join mart_gold.mrr_waterfall as before
            on before.grain = nrr.grain and before.period_start = period.year_ago_period_start
            and before.dimension = nrr.dimension and before.dimension_value = nrr.dimension_value
        where nrr.cohort_opening_mrr is not null
        """,
    )
    assert len(rows) > 100
    np.testing.assert_allclose(rows["then"], rows["all_then"], rtol=1e-9)
    assert (rows["kept"] <= rows["all_now"] + 1e-6).all()
    assert (rows["kept"] < rows["all_now"] - 1).any()
