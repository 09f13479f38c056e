"""Waterfall, retention, cohorts, renewals and stages of life, row by row, against bronze.

Two worlds: the small company with every delivery fault, and a thousand random histories as of a day
in the middle of a month and a week.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from tests.metrics.recompute.subscriptions import Subscriptions
from tests.metrics.recompute.tables import MEMBER
from tests.metrics.subscription_histories import AS_OF, write_histories
from tests.metrics.warehouse import frame, run_models, small_gold

from o2r.bronze.loader import load
from o2r.settings import Settings

HISTORIES, SEED = 1000, 20261122
MARTS = (
    *("mrr_waterfall", "nrr_summary", "fct_revenue", "revenue_cohort_average"),
    *("renewal_calendar_monthly", "account_lifecycle"),
)
WORLDS = ("small", "random")


@dataclass(frozen=True)
class World:
    """A built warehouse, and the same numbers from its bronze."""

    settings: Settings
    again: Subscriptions

    def gold(self, statement: str) -> pd.DataFrame:
        """Rows of gold, money in whole millionths, dates as timestamps."""
        rows = frame(self.settings, statement)
        for name in rows:
            if name.endswith("mrr") or name == "arr":
                rows[name] = [
                    int(value * 10**6) if value is not None else None for value in rows[name]
                ]
            elif name.endswith("_pct"):
                rows[name] = rows[name].astype(float)
            elif name.endswith(("_start", "_month", "_date")):
                rows[name] = pd.to_datetime(rows[name])
        return rows


@pytest.fixture(scope="module")
def random_histories(new_database: Callable[[], Settings]) -> Settings:
    settings = new_database()
    folder = settings.home / "histories"
    write_histories(folder, HISTORIES, SEED)
    for delivery in ("1", "2"):
        load(folder / delivery, None, "histories", settings=settings)
    select = " ".join(f"+{mart}" for mart in MARTS)
    run_models(settings, "--vars", f"as_of_date: {AS_OF}", "--select", *select.split())
    return settings


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest, new_database: Callable[[], Settings]) -> World:
    if request.param == "random":
        settings = request.getfixturevalue("random_histories")
    else:
        settings = small_gold(new_database)
    as_of = frame(settings, "select as_of_date from intermediate_silver.int_as_of").iloc[0, 0]
    return World(settings, Subscriptions(settings, as_of))


def assert_same(gold: pd.DataFrame, wanted: pd.DataFrame, keys: list[str]) -> None:
    """The same rows, and in each the same value in every column of `wanted`."""
    gold = gold.set_index(keys)
    assert gold.index.is_unique
    assert set(gold.index) == set(wanted.index)
    gold = gold.reindex(wanted.index)
    for name in wanted:
        if name.endswith("_pct"):
            same = np.isclose(gold[name], wanted[name], rtol=1e-9, atol=6e-7, equal_nan=True)
        else:
            same = (gold[name] == wanted[name]) | (gold[name].isna() & wanted[name].isna())
        assert same.all(), (name, gold.loc[~same, name].head(), wanted.loc[~same, name].head())


def test_the_random_histories_hold_every_hard_case(random_histories: Settings) -> None:
    found = frame(
        random_histories,
        """
        select
            (select count(distinct subscription_id) from staging_silver.stg_subscription_events)
                as contracts,
            (select sum(duplicate) from ops.load_batches) as repeated,
            (select count(*) from raw_bronze.subscriptions)
                - (select count(*) from staging_silver.stg_subscription_events) as corrected,
            count(distinct movement) = 6 as every_movement,
            (select count(*) from intermediate_silver.int_contract_history
                where in_force_to_at < in_force_from_at) as end_before_start,
            (select count(*) from intermediate_silver.int_contract_history
                where in_force_from_at < event_at - interval '1 day'
                    and in_force_to_at > in_force_from_at) as recorded_late,
            (select count(*) from intermediate_silver.int_contract_history
                where ended_at < event_at - interval '1 day' and status <> 'active')
                as ended_before,
            (select count(*) from raw_bronze.subscriptions
                where mrr is null and arr is null) as blank,
            (select count(*) from raw_bronze.subscriptions as wrong
                inner join raw_bronze.subscriptions as corrected
                    using (subscription_id, event_timestamp)
                where wrong.loaded_at < corrected.loaded_at and wrong.status <> corrected.status)
                as status_corrected,
            (select count(*) from intermediate_silver.int_contract_history
                where is_trial and status <> 'trial' and mrr > 0) as left_on_trial,
            (select count(distinct lifecycle_stage) from mart_gold.account_lifecycle) as stages,
            (select count(distinct renewal_status) from mart_gold.renewal_calendar) as statuses,
            (select count(*) from mart_gold.revenue_cohort_analysis where active_accounts = 0)
                as empty_cohort_months,
            (select count(distinct is_small_cohort) from mart_gold.revenue_cohort_analysis) as sizes
        from intermediate_silver.int_mrr_account_period
        """,
    ).iloc[0]
    assert found["contracts"] == HISTORIES
    assert (found["stages"], found["statuses"], found["sizes"]) == (8, 4, 2)
    assert (found > 0).all(), found


@pytest.mark.parametrize("grain", ["month", "week"])
def test_waterfall(world: World, grain: str) -> None:
    gold = world.gold(f"select * from mart_gold.mrr_waterfall where grain = '{grain}'")
    assert_same(gold, world.again.waterfall(grain), ["period_start", *MEMBER])
    flows = gold["new_mrr"] + gold["reactivation_mrr"] + gold["expansion_mrr"]
    flows -= gold["contraction_mrr"] + gold["churn_mrr"]
    assert (gold["opening_mrr"] + flows == gold["closing_mrr"]).all(), "to the millionth"


@pytest.mark.parametrize("grain", ["month", "week"])
def test_retention(world: World, grain: str) -> None:
    gold = world.gold(f"select * from mart_gold.nrr_summary where grain = '{grain}'")
    wanted = world.again.retention(grain)
    assert wanted["nrr_pct"].notna().any()
    assert_same(gold, wanted, ["period_start", *MEMBER])


def test_revenue_by_account_and_month(world: World) -> None:
    wanted = world.again.spine("month").rename(
        columns={
            "period_start": "month_start",
            "before": "previous_mrr",
            "movement": "revenue_movement",
        }
    )
    wanted["cohort_month"], wanted["arr"] = wanted["first"], 12 * wanted["mrr"]
    keys = ["account_id", "month_start"]
    columns = [*keys, "cohort_month", "mrr", "arr", "previous_mrr", "revenue_movement"]
    gold = world.gold("select * from mart_gold.fct_revenue")
    assert_same(gold, wanted[columns].set_index(keys), keys)


def test_cohorts(world: World) -> None:
    wanted = world.again.cohorts(["first", "period_start", "age"]).drop(columns="cohort_count")
    gold = world.gold("select * from mart_gold.revenue_cohort_analysis")
    keys = ["cohort_month", "month_start", "months_since_first_paid", *MEMBER]
    wanted.index.names = keys
    assert_same(gold, wanted, keys)


def test_weighted_cohort_averages(world: World) -> None:
    wanted = world.again.cohorts(["age"])
    gold = world.gold("select * from mart_gold.revenue_cohort_average")
    keys = ["months_since_first_paid", *MEMBER]
    wanted.index.names = keys
    assert_same(gold, wanted, keys)


def test_renewals(world: World) -> None:
    gold = world.gold("select * from mart_gold.renewal_calendar")
    found = {
        row.subscription_id: (
            row.renewal_status,
            None if pd.isna(row.due_date) else row.due_date.date(),
            row.mrr,
        )
        for row in gold.itertuples()
    }
    assert found == world.again.renewals()
    days = (gold["due_date"] - world.again.as_of).dt.days
    assert ((gold["days_until_due"] == days) | gold["due_date"].isna()).all()


def test_stages_of_life(world: World) -> None:
    gold = world.gold("select account_id, lifecycle_stage from mart_gold.account_lifecycle")
    found = dict(gold.itertuples(index=False, name=None))
    known = {span.state.account for life in world.again.lives.values() for span in life}
    assert set(world.again.accounts) <= set(found)
    assert known & set(found), "accounts of contracts"
    assert found == {account: world.again.stage(account) for account in found}
