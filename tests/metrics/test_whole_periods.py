"""is_complete once more, in pandas: the period is over, its feed observed from its first day, and
all feeds of the metric known to its end (test_feed_clocks finds that day in bronze).

Only a feed that speaks every day proves when it was first observed; figures of other feeds are
complete once the period is over and known.
"""

import pandas as pd
import pytest
from tests.metrics.recompute import Company
from tests.metrics.test_recomputed import METRICS
from tests.metrics.warehouse import frame

from o2r.settings import Settings

FEEDS = {
    **dict.fromkeys(
        ["revenue_summary", "revenue_target_pace", "lifetime_value_summary"], "revenue"
    ),
    **dict.fromkeys(["request_performance", "throttle_top_decile", "adoption_cohorts"], "requests"),
    **dict.fromkeys(["cs_score_summary", "time_to_value_summary", "cs_score_account"], "requests"),
    **dict.fromkeys(["utilization_summary", "model_capacity_weekly"], "utilization"),
    **dict.fromkeys(["feature_engagement", "product_engagement"], "product_events"),
    **{"feature_adoption": "product_events", "plan_tier_adoption": "revenue"},
    **{"usage_depth": "requests", "onboarding_uptime": "requests"},
    **dict.fromkeys(["team_summary", "application_summary", "uptime_sla_adherence"], "requests"),
    **{"model_upgrade_summary": "requests", "acquisition_cost": "spend"},
}
"""Daily feed that a mart counts from."""
MARTS = {name: metric.mart for name, metric in METRICS.items()}


CLOCKS = {
    "cs_score_account": ("requests", "tickets", "incidents", "accounts"),
    "model_capacity_weekly": ("utilization",),
}
"""Feeds that marts without a metric need."""


@pytest.fixture(scope="module")
def reaches(small: Settings) -> pd.DataFrame:
    """metric, dimension, last_date: day that all feeds of the metric reach."""
    return frame(
        small, "select metric, dimension, last_date from intermediate_silver.int_metric_reach"
    )


def assert_whole(rows: pd.DataFrame, feed: str | None, company: Company) -> None:
    """rows: period_start, grain (week, month), last_date, is_complete; feed: daily, or None."""
    start = pd.to_datetime(rows["period_start"])
    month_end = start + pd.offsets.MonthBegin(1)
    end = month_end.where(rows["grain"] == "month", start + pd.Timedelta(days=7))
    whole = end <= company.end
    last_date = pd.to_datetime(rows["last_date"])
    whole &= (end - pd.Timedelta(days=1) <= last_date) | last_date.isna()
    if feed:
        whole &= start >= company.first_day[feed]
    wrong = rows[rows["is_complete"] != whole]
    assert len(rows)
    assert wrong.empty, wrong.drop_duplicates().head(10)


def daily_feed(metric: str) -> str | None:
    return None if metric == "csat_response_score" else FEEDS.get(MARTS[metric])


@pytest.fixture(scope="module")
def company(company: Company, small: Settings) -> Company:
    """With the day from which on both spend and contacts, which cost_per_lead divides, are told."""
    days = """
        select greatest(
            (select min(date) from raw_bronze.marketing_spend_daily),
            (select min(timezone('UTC', created_at)::date) from raw_bronze.crm_contacts)
        ) as day
    """
    company.first_day["spend"] = pd.Timestamp(frame(small, days)["day"].item())
    return company


@pytest.mark.parametrize("metric", METRICS)
def test_of_a_metric(
    metric: str, metric_values: pd.DataFrame, reaches: pd.DataFrame, company: Company
) -> None:
    rows = metric_values[metric_values["metric"] == metric]
    rows = rows.merge(reaches, on=["metric", "dimension"], how="left")
    columns = ["grain", "period_start", "dimension_value", "last_date", "is_complete"]
    assert_whole(rows[columns], daily_feed(metric), company)


@pytest.mark.parametrize("mart", ["cs_score_account", "model_capacity_weekly"])
def test_of_a_mart_by_week(mart: str, small: Settings, company: Company) -> None:
    rows = frame(small, f"select week_start as period_start, is_complete from mart_gold.{mart}")
    [last] = frame(
        small,
        "select min(last_date) as last_date from intermediate_silver.int_feed_clock "
        "where feed in %s",
        [CLOCKS[mart]],
    )["last_date"]
    assert_whole(rows.assign(grain="week", last_date=last), FEEDS[mart], company)


def test_the_weekly_story_tells_whole_weeks(
    small: Settings, reaches: pd.DataFrame, company: Company
) -> None:
    rows = frame(small, "select metric, week_start as period_start from mart_gold.o2r_weekly_story")
    rows = rows.merge(reaches[reaches["dimension"] == "all"], on="metric", how="left")
    for metric, weeks in rows.groupby("metric"):
        weeks = weeks.assign(grain="week", is_complete=True)
        assert_whole(weeks, daily_feed(metric), company)


@pytest.mark.parametrize("feed", sorted(set(FEEDS.values())))
def test_the_company_has_a_week_of_the_feed_that_is_observed_in_part(
    feed: str, metric_values: pd.DataFrame, company: Company
) -> None:
    """Without one, agreement above would prove nothing of the feed."""
    monday = company.first_day[feed] - pd.Timedelta(days=company.first_day[feed].day_of_week)
    assert monday < company.first_day[feed]
    fed = [metric for metric, mart in MARTS.items() if FEEDS.get(mart) == feed]
    rows = metric_values[metric_values["metric"].isin(fed) & (metric_values["grain"] == "week")]
    assert (rows["period_start"] == monday).any()
