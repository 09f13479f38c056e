"""Health of accounts, risk of churn and the back-test, cell for cell, against bronze."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from tests.metrics.recompute import Company
from tests.metrics.recompute.health import TIERS, Health, backtest, tier_of
from tests.metrics.warehouse import END, clone, execute, frame, run_models, small_gold

from o2r.settings import Settings

LAST_DIGIT = 2e-6  # parts of a number are rounded to six decimals
TOLERANCES = {
    "usage_score": 1e-4,  # 100 times a rate with six decimals
    "support_score": 2e-5,  # 25 times a rating with six decimals
    "health_score": 0.0501,  # one decimal
    "health_score_change_30d": 0.1002,
}
LATER_BUILT = (
    *("int_as_of", "int_first_observed", "int_day", "int_period", "int_account_crm_version"),
    *("int_account_contract_tier", "int_account_history", "int_account_sign_of_life"),
    *("int_contract_history", "int_mrr_account_period", "int_support_day", "int_ticket_state"),
    *("int_ticket_deadline", "int_account_day", "int_account_day_usage"),
    *("int_account_day_support", "int_account_day_revenue", "int_account_health"),
    "customer_health_scores",
)
HAPPENED = {
    "support_tickets": "last_updated",
    "csat_responses": "answered_at",
    "invoices": "last_updated",
    "subscriptions": "event_timestamp",
    "customer_details": "date_updated",
}
"""Table of bronze, and the instant of what a row tells."""


@pytest.fixture(scope="module")
def health(company: Company) -> Health:
    return Health(company)


def assert_same(gold: pd.DataFrame, again: pd.DataFrame, keys: list[str]) -> None:
    """The same rows, and the same cells in every column of `again`."""
    gold = gold.assign(**{key: pd.to_datetime(gold[key]) for key in keys if key.endswith("_date")})
    rows = gold.merge(again, on=keys, how="outer", indicator=True, suffixes=("", "_again"))
    alone = rows[rows["_merge"] != "both"]
    assert alone.empty, alone[[*keys, "_merge"]].head(10)
    for name in sorted(set(again.columns) - set(keys)):
        ours, theirs = rows[name], rows[f"{name}_again"]
        if pd.api.types.is_numeric_dtype(theirs) or pd.api.types.is_bool_dtype(theirs):
            ours, theirs = ours.astype(float), theirs.astype(float)
            near = np.isclose(
                ours, theirs, rtol=1e-9, atol=TOLERANCES.get(name, LAST_DIGIT), equal_nan=True
            )
        elif pd.api.types.is_datetime64_any_dtype(theirs):
            ours = pd.to_datetime(ours)
            near = (ours == theirs) | (ours.isna() & theirs.isna())
        else:
            near = ours == theirs
        wrong = rows[~near]
        assert wrong.empty, f"{name}:\n{wrong[[*keys, name, f'{name}_again']].head(10)}"


def test_every_score_again(small: Settings, health: Health) -> None:
    gold = frame(small, "select * from mart_gold.customer_health_scores")
    again = health.days.drop(columns=["before", "health_tier"])
    assert len(again) > 5000
    assert_same(gold, again, ["account_id", "score_date"])
    assert set(again["status"]) == {"active", "suspended"}
    scored = gold[gold["health_score"].notna()]
    assert (scored["health_tier"] == [tier_of(float(s)) for s in scored["health_score"]]).all()
    assert set(gold.loc[gold["health_score"].isna(), "health_tier"]) == {"unknown"}
    assert set(scored["health_tier"]) >= {name for name, _ in TIERS} - {"critical"}


def test_every_risk_again(small: Settings, health: Health) -> None:
    gold = frame(small, "select * from mart_gold.churn_risk_view")
    assert_same(gold, health.risk.reset_index(), ["account_id"])
    assert set(gold["risk_level"]) == {"critical", "high", "medium", "low", "unknown"}


def test_every_tier_is_followed(small: Settings, health: Health) -> None:
    gold = frame(small, "select * from mart_gold.health_backtest")
    again = backtest(health).reset_index()
    assert again["churned_count"].sum() > 0
    assert_same(gold, again, ["observation_date", "health_tier"])


def test_who_is_scored_is_in_force(small: Settings) -> None:
    """On the as-of day the accounts with a score row are those of account_lifecycle in force."""
    rows = frame(
        small,
        """
        select lifecycle.lifecycle_stage, lifecycle.mrr > 0 as pays,
            bool_or(risk.account_id is not null) as one_scored,
            bool_and(risk.account_id is not null) as all_scored
        from mart_gold.account_lifecycle as lifecycle
        left join mart_gold.churn_risk_view as risk using (account_id)
        group by 1, 2
        """,
    )
    in_force = rows["lifecycle_stage"].isin(["suspended", "onboarding", "growing", "mature"])
    in_force |= rows["pays"]
    assert 0 < in_force.sum() < len(rows)
    assert rows.loc[in_force, "all_scored"].all()
    assert not rows.loc[~in_force, "one_scored"].any()


@pytest.fixture(scope="module")
def the_day_before(new_database: Callable[[], Settings]) -> Settings:
    """Bronze of the small company without its last day, its rows shuffled, built a day earlier."""
    settings = clone(small_gold(new_database), "small_a_day_earlier")
    for table, instant in HAPPENED.items():
        execute(
            settings,
            f"create temporary table kept as select * from raw_bronze.{table} "
            f"where {instant} < '{END}Z' order by hashtext(ctid::text);"
            f"delete from raw_bronze.{table};"
            f"insert into raw_bronze.{table} select * from kept; drop table kept;",
        )
    earlier = settings.model_copy(update={"as_of": END - timedelta(days=1)})
    run_models(earlier, "--select", *LATER_BUILT)
    return settings


def test_a_day_more_changes_no_day_before(small: Settings, the_day_before: Settings) -> None:
    """Nor does the order in which bronze holds its rows."""
    statement = (
        "select (to_jsonb(scores) - 'is_latest')::text as row "
        "from mart_gold.customer_health_scores as scores "
        f"where score_date > date '{END}' - 180 and score_date < '{END}'"
    )
    now, before = (set(frame(settings, statement)["row"]) for settings in (small, the_day_before))
    assert len(now) > 5000
    assert now == before, sorted(now ^ before)[:4]
