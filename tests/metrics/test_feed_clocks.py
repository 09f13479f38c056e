"""A feed has its own clock: recomputed in pandas, and with the last nine days of each cut off."""

import csv
from collections.abc import Iterable
from datetime import date
from itertools import chain

import pandas as pd
import pytest
from tests.in_process import ROOT
from tests.metrics.test_recomputed import METRICS
from tests.metrics.warehouse import END, clone, execute, frame, run_models

from o2r.settings import Settings

DAY = pd.Timedelta(days=1)
CUT_FROM = date(2026, 11, 13)
WEEK = date(2026, 11, 9)
"""The last whole week, which the last nine days reach into."""
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
    "invoices": "last_updated",
    "deal_stage_history": "event_timestamp",
    "crm_contacts": "updated_at",
    "customer_success_activities": "coalesce(done_at, due_at)",
    "quota_customer_rate_limit_requests": "create_datetime",
    "resource_accelerator_inventory": "event_timestamp",
    "resource_model_instance_allocation": "event_timestamp",
    "web_events": "event_timestamp",
    "marketing_spend_daily": "date",
    "marketing_email_events": "event_timestamp",
    "sales_activities": "done_at",
    **dict.fromkeys(
        ("account_members", "platform_applications", "success_plan_goals"), "updated_at"
    ),
}
"""Day of which a row of a bronze table speaks."""
with (ROOT / "dbt" / "seeds" / "feeds.csv").open(newline="") as file:
    NAMES = {row["bronze_table"]: row["feed"] for row in csv.DictReader(file)}
FEEDS = {name: set(metric.feeds) for name, metric in METRICS.items()}
BY_HOME = {name for name, one in METRICS.items() if one.region_basis == "account home"}
KEY = ["metric", "grain", "period_start", "dimension", "dimension_value"]
OTHERS = [
    ["revenue_account_daily", "inference_user_token_usage_open_source", "crm_contacts"],
    [
        *("inference_user_token_usage_proprietary", "subscriptions", "web_events"),
        "marketing_email_events",
    ],
    ["customer_details"],
]
CUTS = [[table for table in COLUMNS if table not in chain(*OTHERS)], *OTHERS]
"""Each feed is cut in one of four builds. No metric reads two that are cut at once, as each build
takes its time, but for incidents: a company so small has them so seldom that nine days are no news.
"""
BELIEVED = "incidents"
COMPOSITES = {
    *("account_health_score", "at_risk_accounts", "proactive_outreach_rate_pct"),
    *("escalation_response_hours", "higher_margin_model_adoption_rate_pct"),
    "uptime_sla_adherence_pct",
}
"""They read more feeds than there are builds: any of them holds them up."""
TAKEN_BACK = {"pipeline_to_close_rate_pct", "sales_cycle_days"}
"""Metrics of deals that are closed: one that is reopened was not, whenever that comes."""


def needed(metric: str, dimension: str) -> set[str]:
    """Feeds of a metric, and those that tell the members of a dimension."""
    feeds = set(FEEDS[metric])
    if dimension in ("plan_tier", "segment") or (dimension == "region" and metric in BY_HOME):
        feeds.add("accounts")
    if dimension == "plan_tier":
        feeds.add("subscriptions")
    if dimension == "channel":
        feeds.add("contacts")
    return feeds


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
        f"from raw_bronze.{table} where {COLUMNS[table]} is not null group by 1",
    )
    return rows.apply(pd.to_datetime)


def clocks_of(settings: Settings, tables: Iterable[str]) -> pd.Series:
    """last_date by feed, of int_feed_clock; for some tables as pandas finds it in bronze."""
    found = frame(settings, "select * from intermediate_silver.int_feed_clock")
    found = pd.to_datetime(found.set_index("bronze_table")["last_date"])
    for table in tables:
        rows = days_of(settings, table)
        assert found[table] == last_date(rows["day"], rows["loaded"], pd.Timestamp(END)), table
    return found.groupby(NAMES).min()


def test_clocks_are_those_of_bronze(small: Settings) -> None:
    assert (clocks_of(small, COLUMNS) == pd.Timestamp(END)).all()


def test_every_feed_is_cut_and_no_metric_reads_two_of_a_cut() -> None:
    assert sorted(chain(*CUTS)) == sorted(NAMES)
    for tables in CUTS:
        feeds = {NAMES[table] for table in tables} - {BELIEVED}
        for metric in METRICS:
            assert metric in COMPOSITES or len(FEEDS[metric] & feeds) <= 1, metric


@pytest.fixture(scope="module", params=CUTS, ids=lambda tables: tables[0])
def cut(small: Settings, request: pytest.FixtureRequest) -> tuple[Settings, list[str]]:
    """The company with the last nine days of some feeds missing, and the names of their tables."""
    copy = clone(small, f"cut_{request.param[0]}")
    for table in request.param:
        execute(copy, f"delete from raw_bronze.{table} where {COLUMNS[table]} >= date '{CUT_FROM}'")
    wanted = ["metric_values", "o2r_weekly_story", "churn_risk_view"]
    wanted += ["arpa_by_tenure", "adoption_recovery"]  # marts by period without a metric
    models = [f"source:*.{table}+,+{model}" for table in request.param for model in wanted]
    run_models(copy, "--full-refresh", "--select", *models, "--exclude", "resource_type:seed")
    return copy, request.param


def test_a_cut_week_is_not_complete_and_nothing_else_changes(
    cut: tuple[Settings, list[str]], small: Settings
) -> None:
    settings, tables = cut
    feeds = {NAMES[table] for table in tables}
    clocks = clocks_of(settings, tables)
    behind = clocks[clocks < pd.Timestamp(END)]
    assert set(behind.index) <= feeds
    # What is silent for longer than nine days now and then is believed to have nothing to say.
    assert {"onboarding", "quota_requests", BELIEVED} >= feeds - set(behind.index)
    statement = "select * from mart_gold.metric_values order by metric, dimension"
    before, after = (
        frame(one, statement).set_index(KEY).astype({"days_behind": float})
        for one in (small, settings)
    )
    touched = {metric for metric in METRICS if FEEDS[metric] & set(behind.index)}
    assert touched
    assert before.xs(WEEK, level="period_start")["is_complete"].any()
    compared = 0
    for (metric, dimension), rows in after.groupby(["metric", "dimension"]):
        then = before.xs((metric, dimension), level=["metric", "dimension"], drop_level=False)
        lost = needed(metric, dimension) & set(behind.index)
        if not lost:
            if needed(metric, dimension) & feeds:
                rows, then = rows[["is_complete", "days_behind"]], then.loc[rows.index]
                then = then[rows.columns]
            pd.testing.assert_frame_equal(
                rows.sort_index(), then.sort_index(), check_dtype=False, obj=f"{metric} {dimension}"
            )
            compared += 1
            continue
        last = behind[list(lost)].min()
        starts = pd.to_datetime(rows.index.get_level_values("period_start").to_series())
        months = rows.index.get_level_values("grain") == "month"
        ends = (starts + 6 * DAY).where(~months, starts + pd.offsets.MonthEnd(0)).to_numpy()
        late = rows[ends > last]
        assert not (late["is_complete"] | late["is_final"]).any(), (metric, dimension)
        over = rows[(ends > last) & (ends <= pd.Timestamp(END))]
        assert (over["days_behind"] == (END - last.date()).days).all(), (metric, dimension)
        # Members are those of today, so what is not known of accounts moves old splits too.
        if dimension == "all" or not lost & {"accounts", "subscriptions"}:
            final = rows[rows["is_final"] & (metric not in TAKEN_BACK)]
            pd.testing.assert_frame_equal(final, then.loc[final.index], check_dtype=False)
            assert then["is_final"].any() == rows["is_final"].any()
    assert compared
    cut_week = after.xs(WEEK, level="period_start").xs("week", level="grain")
    assert (cut_week.loc[cut_week["days_behind"] >= 9].index.get_level_values("metric")).size
    stories = [
        frame(one, "select * from mart_gold.o2r_weekly_story order by metric, week_start").drop(
            columns="rank_in_layer"
        )
        for one in (small, settings)
    ]
    assert (stories[1].loc[stories[1]["metric"].isin(touched), "week_start"] < WEEK).all()
    odd = [
        set(rows.loc[rows["movement"].str.startswith("unusually"), "metric"])
        for rows in (rows[rows["week_start"] == WEEK] for rows in stories)
    ]
    assert odd[1] <= odd[0]
    read = {metric for metric in METRICS if FEEDS[metric] & feeds}
    quiet = [rows[~rows["metric"].isin(read)].reset_index(drop=True) for rows in stories]
    pd.testing.assert_frame_equal(quiet[1], quiet[0], check_dtype=False)


def test_marts_know_no_member_longer_than_its_feed(cut: tuple[Settings, list[str]]) -> None:
    settings, _ = cut
    clocks = clocks_of(settings, [])
    last = {"segment": clocks["accounts"], "region": clocks["accounts"]}
    last["plan_tier"] = min(clocks["accounts"], clocks["subscriptions"])
    marts = frame(
        settings,
        "select table_name from information_schema.columns where table_schema = 'mart_gold' and "
        "column_name in ('grain', 'period_start', 'dimension', 'is_complete') group by 1 "
        "having count(*) = 4",
    )["table_name"]
    by_home = {one.mart for one in METRICS.values() if one.region_basis == "account home"}
    assert by_home >= {"revenue_summary", "ticket_summary"}
    for mart in sorted({*marts} - {"metric_values"}):
        rows = frame(
            settings,
            "select dimension, max(case grain when 'week' then period_start + 6 "
            "else cast(period_start + interval '1 month' as date) - 1 end) as last "
            f"from mart_gold.{mart} where is_complete group by 1",
        ).set_index("dimension")["last"]
        for dimension in rows.index.intersection(last):
            if dimension != "region" or mart in by_home:
                assert rows[dimension] <= last[dimension].date(), (mart, dimension)


def test_what_has_not_arrived_is_no_fall(cut: tuple[Settings, list[str]], small: Settings) -> None:
    settings, tables = cut
    before, after = (
        frame(one, "select * from mart_gold.churn_risk_view").set_index("account_id")
        for one in (small, settings)
    )
    health = frame(settings, "select * from mart_gold.customer_health_scores where is_latest")
    assert len(health)
    if "product_usage_events" in tables:
        unknown = ["usage_score", "engagement_score", "support_score", "health_score"]
        unknown += ["events_30d", "features_30d", "open_tickets", "sla_breaches_30d"]
        assert health[unknown].isna().all(axis=None)
        assert after["is_usage_declining"].isna().all()
        assert before["is_usage_declining"].any()
        assert not (after["risk_level"] == "low").any()
    elif {"subscriptions", "customer_details"} & {*tables}:
        assert (health["usage_score"] >= 0).any()
    else:
        pd.testing.assert_frame_equal(after, before, check_dtype=False)
