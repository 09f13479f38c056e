"""No model of the small company joins in a way that grows with the square of its rows."""

import psycopg2.extensions
import pytest

from o2r.lint.joins import Waste, check, explained, wasted
from o2r.settings import Settings
from o2r.warehouse import connect

BY_RANGE = """
select periods.grain, periods.period_start, revenue.account_id, sum(revenue.net_revenue)
from mart_gold.fct_revenue_daily as revenue
inner join intermediate_silver.int_period as periods
    on
        revenue.revenue_date >= periods.period_start
        and revenue.revenue_date <= periods.period_end
group by 1, 2, 3
"""
READ_AGAIN = """
with days as (select distinct revenue_date from mart_gold.fct_revenue_daily)
select
    days.revenue_date,
    (
        select sum(revenue.net_revenue) from mart_gold.fct_revenue_daily as revenue
        where revenue.revenue_date <= days.revenue_date
    ) as revenue_to_date
from days
"""


def test_models_keep_what_they_compare(small: Settings) -> None:
    assert [str(finding) for finding in check(small)] == []


@pytest.mark.parametrize(
    ("sql", "words"),
    [(BY_RANGE, "periods.period_start"), (READ_AGAIN, "fct_revenue_daily is read")],
)
def test_a_wasteful_join_is_named(small: Settings, sql: str, words: str) -> None:
    connection: psycopg2.extensions.connection = connect(small, read_only=True)
    with connection.cursor() as cursor:
        found = list(wasted(explained(cursor, sql)))
    connection.close()
    assert len(found) == 1
    assert words in found[0].where


def join(kept: int, lost: int, loops: int = 1, **more: object) -> dict[str, object]:
    return {
        "Node Type": "Hash Join",
        "Actual Rows": kept,
        "Actual Loops": loops,
        "Rows Removed by Join Filter": lost,
        "Join Filter": "(a.day >= b.day)",
        **more,
    }


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (join(100, 5_000), [Waste(5_000, 100, "(a.day >= b.day)")]),
        (join(100, 5_000, loops=2), [Waste(10_000, 200, "(a.day >= b.day)")]),
        (join(0, 5_000), [Waste(5_000, 0, "(a.day >= b.day)")]),
        (join(1_000, 5_000), []),
        (join(1, 500), []),
    ],
)
def test_ratio_and_floor(plan: dict[str, object], expected: list[Waste]) -> None:
    assert list(wasted(plan, ratio=10, floor=1_000)) == expected
