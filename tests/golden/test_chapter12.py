"""Every true result of the book's chapter 12, at the precision of its reference file."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from tests.metrics.warehouse import chapter12_gold

from o2r.settings import Settings

EXPECTED = Path(__file__).parent / "chapter12" / "expected.csv"

METRIC_VALUES = """
select value from mart_gold.metric_values
where metric = %(metric)s and grain = %(grain)s and period_start = %(period)s and dimension = 'all'
"""
BY_WEEK = {
    *("weekly_revenue", "ytd_revenue", "weekly_growth_rate_pct", "cwgr_pct", "catch_up_cwgr_pct"),
    *("mrr", "arr", "arpa", "active_accounts", "weekly_signups", "cs_score"),
    *("time_to_value_p50_days", "time_to_value_p90_days", "time_to_value_p100_days"),
    *("requests", "error_rate_pct", "latency_p50_ms", "latency_p90_ms", "latency_p99_ms"),
    *("uptime_pct", "ticket_volume", "ticket_resolution_hours"),
}
RENAMED = {
    f"time_to_value_{part}_days": f"time_to_value_all_{part}_days"
    for part in ("p50", "p90", "p100")
}
"""The book counts all accounts, left-censored ones too; the plain names are those of the others."""
JANUARY, WEEK_3 = "2026-01-01", "2026-01-19"


@dataclass(frozen=True)
class Reading:
    """A query for one number, and the parameters that make the row's own."""

    query: str
    period: str | None = None
    grain: str = "week"


# Results that the book files under its last week but that speak of another period.
ELSEWHERE = {
    "mttr_minutes": Reading(METRIC_VALUES, period=JANUARY, grain="month"),
    "adoption_rate_pct": Reading(
        "select adoption_rate_pct from mart_gold.adoption_cohorts "
        "where grain = 'month' and period_start = %(period)s and dimension = 'all'",
        period=JANUARY,
    ),
    **{
        metric: Reading(
            f"select {metric} from mart_gold.account_retention "
            "where grain = 'week' and period_start = %(period)s and dimension = 'all' "
            "and comparison = 'fiscal_year_start'"
        )
        for metric in ("retention_rate_pct", "usage_retention_rate_pct")
    },
    "cltv_24mo": Reading(
        "select cltv_assumed from mart_gold.customer_lifetime_value "
        "where account_id = %(account)s and assumed_lifetime_months = 24"
    ),
    **{
        f"{group}_usage_change_pct": Reading(
            "select usage_change_pct from mart_gold.incident_usage_impact "
            f"where week_start = %(period)s and account_group = '{group}'",
            period=WEEK_3,
        )
        for group in ("affected", "unaffected")
    },
}


def expected_rows() -> list[dict]:
    with EXPECTED.open(newline="") as file:
        return list(csv.DictReader(file))


def reading_of(row: dict) -> Reading | None:
    metric = row["metric"].partition(":")[0]
    return Reading(METRIC_VALUES) if metric in BY_WEEK else ELSEWHERE.get(metric)


@pytest.fixture(scope="module")
def gold(new_database: Callable[[], Settings]) -> Settings:
    return chapter12_gold(new_database)


@pytest.mark.parametrize(
    "row", expected_rows(), ids=lambda row: f"{row['metric']}-{row['period_start']}"
)
def test_number(gold: Settings, query: Callable[..., list[tuple]], row: dict) -> None:
    metric, _, account = row["metric"].partition(":")
    reading = reading_of(row)
    found = query(
        gold,
        reading.query,
        {
            "metric": RENAMED.get(metric, metric),
            "account": account,
            "grain": reading.grain,
            "period": reading.period or row["period_start"],
        },
    )
    assert len(found) == 1, f"{len(found)} rows instead of one"
    expected = Decimal(row["expected"])
    assert found[0][0].quantize(expected, rounding=ROUND_HALF_UP) == expected


def test_every_row_has_a_reading() -> None:
    rows = expected_rows()
    assert len(rows) == 68
    assert [row["metric"] for row in rows if reading_of(row) is None] == []
    used = {row["metric"].partition(":")[0] for row in rows}
    assert used == BY_WEEK | ELSEWHERE.keys(), "a reading that no row uses"


def test_contradicted_hypothesis(gold: Settings, query: Callable[..., list[tuple]]) -> None:
    """Chapter 14 compares two accounts with seven: too few for the claim made there."""
    rows = dict(
        query(
            gold,
            "select account_group, account_count from mart_gold.incident_usage_impact "
            "where week_start = %s",
            [WEEK_3],
        )
    )
    assert rows == {"affected": 2, "unaffected": 7}
