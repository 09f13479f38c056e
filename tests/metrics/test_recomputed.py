"""metric_values against an independent recomputation from bronze, value by value, both ways."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.metrics.recompute.tables import KEYS
from tests.metrics.warehouse import frame

from o2r.settings import Settings

DBT = Path(__file__).resolve().parents[2] / "dbt"
MARTS = {path.stem for path in (DBT / "models" / "marts").rglob("*.sql")}
with (DBT / "seeds" / "metric_definitions.csv").open(newline="") as file:
    DEFINITIONS = list(csv.DictReader(file))
COMPUTED = sorted(row["metric"] for row in DEFINITIONS if row["source_mart"] in MARTS)

HALF_DIGIT = 6e-7  # gold keeps six decimals
NO_MART = "not computed"
POWERS = {"cwgr_pct", "catch_up_cwgr_pct", "required_weekly_growth_pct"}
# mean components of the score are each rounded to six decimals and multiplied by up to 10
COARSER = {"cs_score": 6e-6}
TOTAL_ONLY = {
    *("target_attainment_pct", "catch_up_cwgr_pct", "required_weekly_growth_pct"),
    "throttle_rate_top_decile_pct",
}
TOTAL = frozenset({"all"})
BY_ACCOUNT = TOTAL | {"plan_tier", "segment", "region"}
EVERYWHERE = BY_ACCOUNT | {"product"}
PLATFORM = TOTAL | {"region"}
WEEK, MONTH = frozenset({"week"}), frozenset({"month"})
DIMENSIONS = {
    **dict.fromkeys(COMPUTED, BY_ACCOUNT),
    **dict.fromkeys(TOTAL_ONLY, TOTAL),
    **dict.fromkeys(
        [
            *("weekly_revenue", "monthly_revenue", "weekly_growth_rate_pct", "cwgr_pct"),
            *("monthly_growth_rate_pct", "ytd_revenue", "arpa", "active_accounts"),
            *("retention_rate_pct", "usage_retention_rate_pct", "requests", "error_rate_pct"),
            *("throttle_rate_pct", "unavailable_rate_pct"),
            *("latency_p50_ms", "latency_p90_ms", "latency_p99_ms"),
        ],
        EVERYWHERE,
    ),
    **dict.fromkeys(["uptime_pct", "mttr_minutes", "incident_count"], PLATFORM),
    **dict.fromkeys(
        [f"resource_utilization_{part}_pct" for part in ("p50", "p90", "peak")],
        PLATFORM | {"product"},
    ),
}
ONE_GRAIN = {
    **dict.fromkeys(["weekly_revenue", "weekly_growth_rate_pct", "weekly_signups"], WEEK),
    **dict.fromkeys(POWERS | {"target_attainment_pct"}, WEEK),
    **dict.fromkeys(
        ["monthly_revenue", "monthly_growth_rate_pct", "monthly_signups", "logo_churn_rate_pct"],
        MONTH,
    ),
}


@pytest.fixture(scope="module")
def compared(metric_values: pd.DataFrame, recomputed: pd.DataFrame) -> pd.DataFrame:
    return metric_values.merge(
        recomputed, on=KEYS, how="outer", suffixes=("_gold", "_again"), indicator=True
    )


@pytest.mark.parametrize("metric", COMPUTED)
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


def test_metrics_of_seed_catalogue_gold_and_recomputation_agree(
    metric_values: pd.DataFrame, recomputed: pd.DataFrame, catalog: pd.DataFrame
) -> None:
    with_mart = set(catalog.index[catalog["source_mart"].isin(MARTS)])
    assert len(COMPUTED) == 60
    without = [row for row in DEFINITIONS if row["source_mart"] not in MARTS]
    assert {row["source_mart"] for row in without} == {NO_MART}, "a mart that does not exist"
    assert set(COMPUTED) == with_mart
    assert set(metric_values["metric"]) == with_mart
    assert set(recomputed["metric"]) == with_mart
    assert set(catalog.loc[sorted(with_mart), "status"]) == {"available"}
    assert set(catalog.drop(index=sorted(with_mart))["status"]) == {"no data"}


@pytest.mark.parametrize("metric", COMPUTED)
def test_dimensions_and_grains(metric_values: pd.DataFrame, metric: str) -> None:
    rows = metric_values[metric_values["metric"] == metric]
    assert set(rows["dimension"]) == DIMENSIONS[metric]
    assert set(rows["grain"]) == ONE_GRAIN.get(metric, WEEK | MONTH)


@pytest.mark.parametrize("unit_factor", [100, 1])
def test_ratios_follow_from_their_parts(
    metric_values: pd.DataFrame, catalog: pd.DataFrame, unit_factor: int
) -> None:
    """Every ratio but the compound rates and the score is numerator / denominator."""
    percent = catalog["unit"].str.startswith("%")
    ratios = catalog[(catalog["additivity"] == "ratio") & (percent == (unit_factor == 100))]
    names = set(ratios.index) - POWERS - {"cs_score", "csat_response_score", "cltv"}
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
