"""The six revenue marts of models and customers, column by column, against bronze.

Four worlds: the small company with every delivery fault, the book's four weeks, and more than two
years of made-up revenue as of a day in the middle, with a fiscal year from April, and as of the
first of January after each of their rows was delivered a second time.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.metrics.recompute.revenue_marts import KEY, START, SUFFIX, RevenueMarts
from tests.metrics.warehouse import (
    chapter12_gold,
    clone,
    execute,
    frame,
    run_models,
    small_gold,
)

from o2r.settings import Settings

MARTS = [(entity, grain) for entity in KEY for grain in START]
SELECT = ("--select", "@fct_revenue_period")  # the marts and all that they read
EXPECTED = Path(__file__).parents[1] / "golden" / "chapter12" / "expected.csv"
HALF_DIGIT = 6e-7  # gold keeps six decimals

# Ten accounts and five models in four currencies from 20 December 2022. Two accounts are equal to
# the cent, one is re-segmented at midnight on a Monday, one is unknown and has credits only.
YEARS = """
insert into raw_bronze.customer_details
    (account_id, account_name, segment, plan_tier, vertical, country, is_active, date_created,
     date_updated, loaded_at)
select
    'a' || n, 'Account ' || n, case when n % 2 = 0 then 'Commercial' else 'Strategic' end, 'Growth',
    case when n % 3 = 0 then 'finance' else 'retail' end, case when n < 5 then 'DE' else 'us' end,
    true, timestamptz '2022-12-01Z', timestamptz '2022-12-01Z', timestamptz '2025-03-16 06:00Z'
from generate_series(0, 8) as n
union all
select
    'a0', 'Account 0', segment, plan_tier, 'finance', 'DE', true, '2022-12-01', changed_at,
    '2025-03-16 06:00Z'
from (
    values ('Strategic', 'Growth', timestamptz '2024-01-08Z'),
        ('Strategic', 'Enterprise', timestamptz '2024-06-30 23:59:59.5Z'),
        ('Commercial', 'Starter', timestamptz '2025-03-01Z')
) as changes (segment, plan_tier, changed_at);

insert into raw_bronze.config_model_dimensions
    (model_variant, snapshot_date, publisher, display_name, model_family, task, is_open_source,
     loaded_at)
select
    'm' || n, date '2022-12-20', 'p', 'Model ' || n, 'f' || n % 2, 'text', n % 2 = 0,
    timestamptz '2025-03-16Z'
from generate_series(0, 3) as n;

insert into raw_bronze.revenue_account_daily
    (account_id, product_sku, model_variant, inference_scope, region, billing_type, currency_code,
     revenue_date, snapshot_date, gross_revenue_input_tokens, gross_revenue_output_tokens,
     gross_revenue_cache_read_tokens, savings_plan_amount, discount_amount, loaded_at)
select
    'a' || account, 'f' || model % 2, 'm' || model, 'global', 'eu-west',
    (array['pay-as-you-go', 'savings-plan', 'Committed-use ', 'by-invoice'])[1 + noise % 4],
    (array['USD', 'eur', 'GBP', 'JPY'])[case when account < 3 then 1 else 1 + noise / 4 % 4 end],
    day, day + 1,
    case when account = 9 then 0 else noise % 997 / 7.0 end, noise % 9973 / 13.0,
    case when noise % 2 = 0 then noise % 31 end, noise % 17,
    case when account = 9 then 900 when noise % 5 = 0 then noise % 1009 end, '2025-03-16 06:00Z'
from generate_series(0, 9) as account
cross join generate_series(0, 4) as model
cross join lateral (
    select day::date, abs(hashtext(model || ' ' || day::date || case
        when account in (1, 2) then ' twins' else ' ' || account end)) as noise
    from generate_series(timestamp '2022-12-20', '2025-03-15', '1 day') as day
) as days
where noise / 100 % 4 = case when account < 3 then 0 else account % 4 end;
"""
AGAIN = """
insert into raw_bronze.revenue_account_daily
select
    account_id, product_sku, model_variant, inference_scope, region, billing_type, currency_code,
    revenue_date, snapshot_date + 1, gross_revenue_input_tokens, gross_revenue_output_tokens,
    gross_revenue_cache_read_tokens, gross_revenue_cache_write_tokens, savings_plan_amount,
    discount_amount, loaded_at + interval '1 day', null, null
from raw_bronze.revenue_account_daily;
insert into raw_bronze.config_model_dimensions
    (model_variant, snapshot_date, publisher, display_name, model_family, task, is_open_source,
     loaded_at)
select
    model_variant, snapshot_date + 1, publisher, display_name, model_family, task, is_open_source,
    loaded_at
from raw_bronze.config_model_dimensions;
"""


@dataclass(frozen=True)
class World:
    """A built warehouse, and the same marts computed from its bronze."""

    settings: Settings
    again: RevenueMarts

    def gold(self, mart: str) -> pd.DataFrame:
        return frame(self.settings, f"select * from mart_gold.{mart}")


def world(settings: Settings, fiscal_month: int = 1) -> World:
    as_of = frame(settings, "select as_of_date from intermediate_silver.int_as_of").iloc[0, 0]
    return World(settings, RevenueMarts(settings, pd.Timestamp(as_of), fiscal_month))


@pytest.fixture(scope="module")
def worlds(new_database: Callable[[], Settings]) -> Callable[[str], World]:
    made: dict[str, World] = {}

    def april() -> World:
        settings = new_database()
        execute(settings, YEARS)
        run_models(
            settings, *SELECT, "--vars", "{as_of_date: 2025-02-13, fiscal_year_start_month: 4}"
        )
        return world(settings, 4)

    def new_year() -> World:
        settings = clone(give("april").settings, "revenue_new_year")
        execute(settings, AGAIN)
        run_models(settings.model_copy(update={"as_of": date(2025, 1, 1)}), *SELECT)
        return world(settings)

    makers = {
        "small": lambda: world(small_gold(new_database)),
        "chapter12": lambda: world(chapter12_gold(new_database)),
        "april": april,
        "new_year": new_year,
    }

    def give(name: str) -> World:
        if name not in made:
            made[name] = makers[name]()
        return made[name]

    return give


@pytest.mark.parametrize(("entity", "grain"), MARTS)
@pytest.mark.parametrize("name", ["small", "chapter12", "april", "new_year"])
def test_every_column(worlds: Callable[[str], World], name: str, entity: str, grain: str) -> None:
    key = [START[grain], KEY[entity]]
    gold = worlds(name).gold(f"{entity}_revenue_{SUFFIX[grain]}")
    again = worlds(name).again.mart(entity, grain)
    assert len(gold), "no rows"
    assert set(gold.columns) == set(again.columns)
    for rows in (gold, again):
        for column in (START[grain], "observed_end"):
            rows[column] = pd.to_datetime(rows[column])
    both = gold.merge(again, on=key, how="outer", suffixes=("", "_again"), indicator=True)
    alone = both[both["_merge"] != "both"]
    assert alone.empty, f"rows in one of the two only:\n{alone[[*key, '_merge']].head()}"
    for column in sorted(set(gold.columns) - set(key)):
        mine, other = both[column], both[f"{column}_again"]
        if mine.dtype == object and isinstance(mine.dropna().iloc[0:1].squeeze(), Decimal):
            mine = mine.astype(float)
        if pd.api.types.is_float_dtype(mine) or pd.api.types.is_integer_dtype(mine):
            same = np.isclose(mine, other.astype(float), rtol=1e-6, atol=HALF_DIGIT, equal_nan=True)
        else:
            same = (mine == other) | (mine.isna() & other.isna())
        wrong = both[~same]
        assert wrong.empty, f"{column}:\n{wrong[[*key, column, f'{column}_again']].head(10)}"


def test_the_worlds_exercise_the_hard_cases(worlds: Callable[[str], World]) -> None:
    """Without these, agreement above would prove little."""
    tiers = set()
    for name in ("small", "april"):
        months = worlds(name).gold("customer_revenue_monthly")
        assert months["currency_count"].max() > 1
        assert (months["net_revenue"] < 0).any()
        assert months["previous_net_revenue"].isna().any()
        assert (months["segment"] != months["segment_as_of_period_end"]).any()
        assert not months["is_complete"].all()
        tiers |= set(months["revenue_tier"])
    weeks = worlds("april").gold("customer_revenue_weekly")
    tiers |= set(weeks["revenue_tier"])
    assert tiers == {"no_revenue", "low", "medium", "high", "top"}
    assert weeks.duplicated(["week_start", "rank_overall"]).any(), "no tie"
    assert (weeks["previous_net_revenue"] < 0).any()
    assert (worlds("small").gold("customer_revenue_weekly")["previous_net_revenue"] == 0).any()
    assert (worlds("april").gold("model_revenue_weekly")["other_billing_revenue"] != 0).any()
    compared = {
        name: worlds(name)
        .gold("model_revenue_ytd")
        .groupby("fiscal_year_start")["previous_net_revenue"]
        .count()
        .to_dict()
        for name in ("april", "new_year")
    }
    assert [count > 0 for count in compared["april"].values()] == [False, False, True]
    assert [count > 0 for count in compared["new_year"].values()] == [False, False, True, True]


def test_a_second_snapshot_doubles_nothing(worlds: Callable[[str], World]) -> None:
    """Each revenue row and each configuration was delivered again before the later build."""
    december = (
        "select sum(gross_revenue), count(*) from mart_gold.{} where month_start = '2024-12-01'"
    )
    for mart in ("model_revenue_monthly", "customer_revenue_monthly"):
        once, twice = (
            frame(worlds(name).settings, december.format(mart)).iloc[0].tolist()
            for name in ("april", "new_year")
        )
        assert once == twice
        assert once[0] > 0


def test_weekly_revenue_of_the_book(worlds: Callable[[str], World]) -> None:
    with EXPECTED.open(newline="") as file:
        expected = [row for row in csv.DictReader(file) if row["metric"] == "weekly_revenue"]
    assert len(expected) == 4
    for mart in ("model_revenue_weekly", "customer_revenue_weekly"):
        weeks = worlds("chapter12").gold(mart).groupby("week_start")["net_revenue"].sum()
        found = {str(week): value for week, value in weeks.items()}
        for row in expected:
            number = Decimal(row["expected"])
            assert found[row["period_start"]].quantize(number, rounding=ROUND_HALF_UP) == number


def test_a_resegmented_account_has_one_row_per_period(worlds: Callable[[str], World]) -> None:
    months = worlds("april").gold("customer_revenue_monthly")
    months = months[months["account_id"] == "a0"].set_index("month_start").sort_index()
    assert months.index.is_unique
    assert set(months["segment"]) == {"Strategic"}
    then = months[["segment_as_of_period_end", "plan_tier_as_of_period_end"]].drop_duplicates()
    assert then.reset_index().astype(str).to_numpy().tolist() == [
        ["2022-12-01", "Commercial", "Growth"],
        ["2024-01-01", "Strategic", "Growth"],
        ["2024-06-01", "Strategic", "Enterprise"],
    ]


def test_the_older_version_is_kept_and_readable(worlds: Callable[[str], World]) -> None:
    older = worlds("april").gold("customer_revenue_monthly_v1")
    newer = worlds("april").gold("customer_revenue_monthly")
    assert len(older) == len(newer)
    assert older["net_revenue"].sum() == newer["net_revenue"].sum()
    assert {"revenue_month", "prior_month_net_revenue", "mom_change_pct"} <= set(older.columns)
