"""The small company without its optional sources: what nobody delivered is unknown everywhere."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from tests.metrics.cards import PLACES
from tests.metrics.warehouse import clone, execute, frame, run_models, small_gold

from o2r.bronze.contracts import load_contracts
from o2r.dashboards.site.gold import Gold
from o2r.settings import Settings

REQUIRED = {"customer_details", "subscriptions"}
WEIGHTS = {"usage": 30, "support": 20, "revenue": 25, "engagement": 25}
WITHOUT = {
    "support_tickets": {"support"},
    "product_usage_events": {"usage", "engagement"},
    "platform_incidents": set(),
    "customer_success_activities": set(),
    "product_feature_releases": set(),
    "csat_responses": set(),
}
"""Sources left out in turn, and the components of health that nobody measures then."""
REBUILT = (
    *("int_first_observed", "int_source_delivered", "int_ticket_state", "int_ticket_deadline"),
    *("int_product_events", "int_product_usage_daily", "int_product_user_daily"),
    *("int_account_day_usage", "int_account_day_support", "int_account_health"),
    *("fct_tickets", "fct_cs_activities"),
    *("fct_incidents", "fct_downtime", "fct_downtime_period", "ticket_summary"),
    *("fct_survey_responses", "customer_health_scores", "churn_risk_view"),
    *("cs_score_summary", "cs_score_account"),
)
"""What gives scores and sentences of an account, and what these read of the sources above."""
GIVEN = {
    *("mrr", "arr", "arr_opening", "arr_new", "arr_reactivation", "arr_expansion"),
    *("arr_contraction", "arr_churn", "nrr_pct", "grr_pct", "logo_retention_pct"),
    *("logo_churn_rate_pct", "weekly_signups", "monthly_signups"),
}
"""Metrics that accounts and contracts give."""


def scores(settings: Settings) -> pd.DataFrame:
    found = frame(settings, "select * from mart_gold.customer_health_scores where is_latest")
    return found.set_index("account_id").sort_index()


def risks(settings: Settings) -> pd.DataFrame:
    found = frame(settings, "select * from mart_gold.churn_risk_view")
    return found.set_index("account_id").sort_index()


def metrics(settings: Settings) -> set[tuple]:
    found = frame(
        settings,
        "select distinct metric, grain, dimension, dimension_value from mart_gold.metric_values "
        "where value is not null",
    )
    return set(found.itertuples(index=False, name=None))


@pytest.fixture(scope="module")
def alone(small: Settings) -> Settings:
    """Accounts and subscriptions only."""
    settings = clone(small, "small_alone")
    for table in load_contracts(settings.dbt_dir).keys() - REQUIRED:
        execute(settings, f"delete from raw_bronze.{table}")
    run_models(settings, "--full-refresh", "--exclude", "resource_type:seed")
    return settings


@pytest.fixture(scope="module")
def lacking(new_database: Callable[[], Settings]) -> Settings:
    """The small company, for tests that each leave one source out and give it back."""
    return clone(small_gold(new_database), "small_lacking")


def test_accounts_and_contracts_alone_say_nothing_else(small: Settings, alone: Settings) -> None:
    found = scores(alone)
    assert len(found) > 10
    unknown = ["health_score", "usage_score", "support_score", "engagement_score"]
    unknown += ["events_30d", "features_30d", "open_tickets", "overdue_invoices"]
    assert found[unknown].isna().all(axis=None)
    assert (found["coverage_pct"] <= 12.5).all()
    risk = risks(alone)
    unknown = ["is_low_health", "is_usage_declining", "has_escalations", "overdue_activities"]
    unknown += ["escalations_30d", "overdue_invoices", "last_touch_date", "usage_change_pct"]
    assert risk[unknown].isna().all(axis=None)
    assert set(risk["next_step"].dropna().str.split().str[0]) <= {"Win", "Review", "Prepare"}
    assert not (risk["risk_level"] == "low").any()
    assert metrics(alone) <= metrics(small), "a metric turned from empty into a number"
    assert {metric for metric, *_ in metrics(alone)} == GIVEN
    rfm = frame(alone, "select * from mart_gold.rfm_scores")
    assert rfm["frequency"].isna().all()
    assert set(rfm["rfm_segment"]) == {"Not scored"}


@pytest.mark.parametrize("table", WITHOUT)
def test_without_one_source_no_score_is_better_than_unknown(
    small: Settings, lacking: Settings, table: str
) -> None:
    execute(lacking, f"create table public.kept as table raw_bronze.{table}")
    execute(lacking, f"delete from raw_bronze.{table}")
    run_models(lacking, "--full-refresh", "--select", *REBUILT)
    before, after = scores(small), scores(lacking)
    risk = risks(lacking)
    cs_scores = frame(lacking, "select cs_score from mart_gold.cs_score_account")
    execute(
        lacking,
        f"insert into raw_bronze.{table} select * from public.kept; drop table public.kept",
    )

    assert list(after.index) == list(before.index)
    lost = WITHOUT[table]
    weight = pd.Series(0.0, index=before.index)
    total = pd.Series(0.0, index=before.index)
    for name, points in WEIGHTS.items():
        then, now = (rows[f"{name}_score"].astype(float) for rows in (before, after))
        if name in lost:
            assert now.isna().all()
            continue
        if table in ("product_feature_releases", "csat_responses"):
            assert (now.isna() == then.isna()).all()
        else:
            np.testing.assert_array_equal(now, then)
        total += (points * now).fillna(0)
        weight += points * now.notna()
    scored = after["health_score"].notna()
    expected = (total / weight)[scored]
    np.testing.assert_allclose(after.loc[scored, "health_score"].astype(float), expected, atol=0.06)
    if table not in ("platform_incidents", "customer_success_activities"):
        measured = before["coverage_pct"].astype(float) > 25
        assert (after["coverage_pct"] < before["coverage_pct"])[measured].any()
        assert (after["coverage_pct"] <= before["coverage_pct"]).all()
    if table == "product_feature_releases":
        assert after["features_30d"].isna().all()
        days = (after["active_days_pct"].astype(float) * 100 / 90).clip(upper=100)
        alone = after["mean_nps_90d"].isna() & after["is_usage_measured"]
        assert alone.any()
        np.testing.assert_allclose(
            after.loc[alone, "engagement_score"].astype(float), days[alone], atol=1e-4
        )
    if table in ("support_tickets", "platform_incidents"):
        assert cs_scores["cs_score"].isna().all()
    if table == "customer_success_activities":
        assert risk["overdue_activities"].isna().all()
        assert not risk["next_step"].dropna().str.contains("touch|None due|Do the").any()


def test_every_empty_card_names_the_source_that_was_never_delivered(alone: Settings) -> None:
    never = load_contracts(alone.dbt_dir).keys() - REQUIRED
    empty = 0
    with Gold(alone, "prod") as gold:
        for place in PLACES:
            if gold.card(place.card, place.board.name).rows:
                continue
            empty += 1
            words = gold.empty_because(place.card)
            assert words.startswith("needs "), f"{place}: {words}"
            named = words.removeprefix("needs ").removesuffix(": never delivered").split(", ")
            assert set(named) <= never, f"{place}: {words}"
    assert empty > 100
