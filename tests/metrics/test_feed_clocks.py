"""A feed has its own clock: recomputed in pandas, and with the last nine days of feeds cut off."""

import pandas as pd
import pytest
from tests.metrics.test_recomputed import COMPUTED, DEFINITIONS
from tests.metrics.warehouse import clone, execute, frame, run_models

from o2r.settings import Settings

DAY = pd.Timedelta(days=1)
COLUMNS = {
    "inference_user_token_usage_open_source": "event_timestamp",
    "inference_user_token_usage_proprietary": "event_timestamp",
    "revenue_account_daily": "revenue_date",
    "subscriptions": "event_timestamp",
    "customer_details": "date_updated",
    "support_tickets": "created_at",
    "platform_incidents": "started_at",
    "csat_responses": "answered_at",
    "resource_model_utilization": "event_timestamp",
    "product_usage_events": "event_timestamp",
    "onboarding_step_events": "event_timestamp",
}
"""Day of which a row of a bronze table speaks."""
FEEDS = {row["metric"]: set(row["feeds"].split()) for row in DEFINITIONS}
KEY = ["metric", "grain", "period_start", "dimension", "dimension_value"]
CUTS = [
    ["revenue_account_daily", "support_tickets", "csat_responses"],
    ["inference_user_token_usage_proprietary", "subscriptions", "onboarding_step_events"],
]
"""Feeds that no metric reads two of are cut at once, for each build takes its time. Incidents of so
small a company are usually further apart than nine days, so that nobody can tell them from absence.
"""


def last_date(days: pd.Series, loaded: pd.Series, as_of: pd.Timestamp) -> pd.Timestamp:
    """Day up to which a feed is known; days and loaded: of each row, to the day."""
    proven = days[days < loaded]
    if proven.max() >= as_of:
        return as_of
    newest = proven[proven <= as_of].max()
    known = days[(days <= newest) & (days >= newest - 180 * DAY)].drop_duplicates().sort_values()
    gaps = known.diff().dropna().dt.days
    usual = gaps.quantile(0.9, interpolation="inverted_cdf") if len(gaps) >= 3 else 0
    return as_of if (as_of - newest).days < usual else newest


def days_of(settings: Settings, table: str) -> pd.DataFrame:
    rows = frame(
        settings,
        f"select cast(timezone('UTC', {COLUMNS[table]}::timestamptz) as date) as day, "
        "cast(timezone('UTC', max(loaded_at)) as date) as loaded "
        f"from raw_bronze.{table} group by 1",
    )
    return rows.apply(pd.to_datetime)


def assert_clocks(settings: Settings) -> pd.Series:
    """int_feed_clock as pandas finds it in bronze; gives last_date by bronze table."""
    found = frame(settings, "select * from intermediate_silver.int_feed_clock")
    found = pd.to_datetime(found.set_index("bronze_table")["last_date"])
    [as_of] = frame(settings, "select as_of_date from intermediate_silver.int_as_of")["as_of_date"]
    for table in COLUMNS:
        rows = days_of(settings, table)
        assert found[table] == last_date(rows["day"], rows["loaded"], pd.Timestamp(as_of)), table
    return found


def test_clocks_are_those_of_bronze(small: Settings) -> None:
    assert_clocks(small)


@pytest.fixture(scope="module", params=CUTS, ids=lambda tables: tables[0])
def cut(small: Settings, request: pytest.FixtureRequest) -> tuple[Settings, set[str]]:
    """The company with the last nine days of some feeds missing, and the names of those feeds."""
    copy = clone(small, f"cut_{request.param[0]}")
    [as_of] = frame(small, "select as_of_date from intermediate_silver.int_as_of")["as_of_date"]
    for table in request.param:
        execute(
            copy,
            f"delete from raw_bronze.{table} where {COLUMNS[table]} >= date '{as_of}' - 8",
        )
    models = ["--select", "+metric_values", "+o2r_weekly_story", "--exclude", "resource_type:seed"]
    run_models(copy, *models, "--full-refresh")
    names = frame(small, "select bronze_table, feed from mart_gold.feed_status")
    return copy, set(names[names["bronze_table"].isin(request.param)]["feed"])


def test_a_cut_week_is_not_complete_and_nothing_else_changes(
    cut: tuple[Settings, set[str]], small: Settings
) -> None:
    settings, feeds = cut
    clocks = assert_clocks(settings)
    statement = "select * from mart_gold.metric_values where dimension = 'all'"
    before, after = (
        frame(one, statement).set_index(KEY).astype({"days_behind": float})
        for one in (small, settings)
    )
    week = pd.Timestamp("2026-11-09").date()
    touched = {metric for metric in COMPUTED if FEEDS[metric] & feeds}
    assert touched
    assert (before.xs("week", level="grain")["is_complete"]).any()

    def of(rows: pd.DataFrame, metrics: set[str]) -> pd.DataFrame:
        return rows[rows.index.get_level_values("metric").isin(metrics)].sort_index()

    untouched = set(COMPUTED) - touched
    pd.testing.assert_frame_equal(of(after, untouched), of(before, untouched), check_dtype=False)
    lost = of(after, touched)
    lost = lost[lost.index.get_level_values("period_start") >= week]
    assert lost[lost["is_complete"] | lost["is_final"]].index.tolist() == []
    behind = lost.xs("week", level="grain").xs(week, level="period_start")["days_behind"]
    assert len(behind)
    assert (behind >= 9).all()
    final = of(after, touched)
    final = final[final["is_final"]]
    pd.testing.assert_frame_equal(final, before.loc[final.index], check_dtype=False)
    stories = frame(
        settings,
        "select metric, max(week_start) as week from mart_gold.o2r_weekly_story group by 1",
    )
    assert (stories[stories["metric"].isin(touched)]["week"] < week).all()
    assert clocks.min() < pd.Timestamp(week) + 4 * DAY
