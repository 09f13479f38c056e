"""metric_values against an independent recomputation from bronze, value by value, both ways."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.metrics.recompute.tables import KEYS
from tests.metrics.warehouse import frame

from o2r.metrics import read
from o2r.settings import Settings

METRICS = read(Path(__file__).resolve().parents[2]).metrics

HALF_DIGIT = 6e-7  # gold keeps six decimals
POWERS = {"cwgr_pct", "catch_up_cwgr_pct", "required_weekly_growth_pct"}
# mean components of the score are each rounded to six decimals and multiplied by up to 10; the
# engagement and depth of each account are means of three and four such
COARSER = {
    "cs_score": 6e-6,
    "product_engagement_score": 2e-6,
    "integration_depth_score": 2e-6,
}


@pytest.fixture(scope="module")
def compared(metric_values: pd.DataFrame, recomputed: pd.DataFrame) -> pd.DataFrame:
    return metric_values.merge(
        recomputed, on=KEYS, how="outer", suffixes=("_gold", "_again"), indicator=True
    )


@pytest.mark.parametrize("metric", METRICS)
def test_value_numerator_and_denominator(compared: pd.DataFrame, metric: str) -> None:
    rows = compared[compared["metric"] == metric]
    assert len(rows), "no value at all"
    alone = rows[rows["_merge"] != "both"]
    assert alone.empty, f"rows in one of the two only:\n{alone[[*KEYS, '_merge']].head(10)}"
    relative = 1e-4 if metric in POWERS else 1e-6
    for column in ("value", "numerator", "denominator"):
        gold, again = rows[f"{column}_gold"], rows[f"{column}_again"]
        wrong = rows[
            ~np.isclose(
                gold, again, rtol=relative, atol=COARSER.get(metric, HALF_DIGIT), equal_nan=True
            )
        ]
        if column != "value" and not wrong.empty:  # sums of amounts that were rounded one by one
            wrong = wrong[(wrong[f"{column}_gold"] - wrong[f"{column}_again"]).abs() > 1e-4]
        assert wrong.empty, (
            f"{len(wrong)} of {len(rows)} differ in {column}:\n"
            f"{wrong[[*KEYS[1:], f'{column}_gold', f'{column}_again']].head(10)}"
        )


def test_metrics_of_registry_catalogue_gold_and_recomputation_agree(
    metric_values: pd.DataFrame, recomputed: pd.DataFrame, catalog: pd.DataFrame
) -> None:
    assert set(metric_values["metric"]) == METRICS.keys()
    assert set(recomputed["metric"]) == METRICS.keys()
    assert set(catalog.index[catalog["status"] == "available"]) == METRICS.keys()
    assert (catalog["status"] == "available").all()


@pytest.mark.parametrize("metric", METRICS)
def test_dimensions_and_grains(metric_values: pd.DataFrame, metric: str) -> None:
    rows = metric_values[metric_values["metric"] == metric]
    assert set(rows["dimension"]) == {"all", *METRICS[metric].dimensions}
    assert set(rows["grain"]) == set(METRICS[metric].grains)


@pytest.mark.parametrize("unit_factor", [100, 1])
def test_ratios_follow_from_their_parts(
    metric_values: pd.DataFrame, catalog: pd.DataFrame, unit_factor: int
) -> None:
    """Every ratio but the compound rates and the score is numerator / denominator."""
    percent = catalog["unit"].str.startswith("%")
    ratios = catalog[(catalog["additivity"] == "ratio") & (percent == (unit_factor == 100))]
    names = set(ratios.index) - POWERS - {"cs_score", "csat_response_score", "cltv"}
    names -= {"price_sensitivity_score"}  # what the quotient says, within 0 and 100
    rows = metric_values[metric_values["metric"].isin(names)]
    assert set(rows["metric"]) == names
    assert len(names) >= (18 if unit_factor == 100 else 4)
    expected = unit_factor * rows["numerator"] / rows["denominator"]
    # money and minutes are shown to six decimals, so the quotient is as exact as its parts
    wrong = rows[~np.isclose(rows["value"], expected, rtol=1e-6, atol=HALF_DIGIT)]
    assert wrong.empty, wrong.head(10)


def test_sums_are_their_own_numerator(metric_values: pd.DataFrame, catalog: pd.DataFrame) -> None:
    sums = catalog.index[catalog["additivity"].isin(["additive", "count", "stock"])]
    rows = metric_values[metric_values["metric"].isin(sums)]
    assert len(rows)
    assert (rows["value"] == rows["numerator"]).all()
    assert rows["denominator"].isna().all()


def test_the_company_exercises_the_hard_cases(small: Settings) -> None:
    """Without these, agreement above would prove little."""
    counts = frame(
        small,
        """
        select
            (select count(*) from intermediate_silver.int_mrr_account_period
                where movement = 'reactivation') as reactivations,
            (select count(*) from intermediate_silver.int_mrr_account_period
                where movement = 'contraction') as contractions,
            (select count(distinct currency_code) from mart_gold.fct_revenue_daily) as currencies,
            (select count(*) from mart_gold.fct_revenue_daily as fact
                join mart_gold.dim_account as now using (account_id)
                where fact.segment_as_of_event <> now.segment) as resegmented,
            (select count(*) from mart_gold.fct_incidents as one
                join mart_gold.fct_incidents as other on one.incident_id < other.incident_id
                    and one.started_at < other.downtime_ended_at
                    and other.started_at < one.downtime_ended_at) as overlaps,
            (select count(*) from staging_silver.stg_requests_proprietary)
                - (select count(*) from intermediate_silver.int_requests
                    where feed = 'proprietary') as corrections,
            (select count(*) from raw_bronze.revenue_account_daily)
                - (select count(*) from staging_silver.stg_revenue_daily) as restated,
            (select count(*) from staging_silver.stg_requests_proprietary, mart_gold.dim_date
                where date_day = requested_date
                    and date_day > (select as_of_date from intermediate_silver.int_as_of))
                as future_requests,
            (select count(*) from mart_gold.fct_tickets where is_open) as open_tickets,
            (select count(*) from mart_gold.fct_usage_daily where account_id = 'Unknown')
                as nameless,
            (select count(*) from mart_gold.mrr_waterfall
                where grain = 'month' and dimension = 'all') as months
        """,
    ).iloc[0]
    assert counts["currencies"] >= 4
    assert counts["months"] > 24
    assert (counts > 0).all(), counts
