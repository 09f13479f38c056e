"""Two companies on one server and one checkout: the settings of one never reach the other."""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import pytest
from tests.metrics.warehouse import clone, frame, gold_hashes, run_models, small_gold

from o2r.builds.run import work_dir
from o2r.company.file import load_company, read
from o2r.dashboards.read import read_definitions
from o2r.dashboards.site.build import site_folder
from o2r.dashboards.site.gold import Gold
from o2r.settings import Settings

STATED = """
settings:
  reporting_currency: EUR
  fiscal_year_start_month: 4
  risk_low_health_below: 70
  risk_renewal_near_days: 5
metric_targets:
- {metric: uptime_pct, valid_from: 2000-01-01, target: 98.5}
support_schedules:
- {schedule: standard, time_zone: UTC}
support_hours:
- {schedule: standard, weekday: 6, valid_from: 2026-10-01, opens_minute: 600, closes_minute: 720}
support_holidays:
- {schedule: standard, holiday_date: 2026-10-31, holiday_name: Day of Reformation}
- {schedule: standard, holiday_date: 2026-09-07, holiday_name: ""}
"""
MODELS = (
    "int_exchange_rates", "int_day", "int_support_schedule", "int_support_day", "dim_date",
    "fct_revenue_daily",
    "metric_catalog", "int_account_risk", "churn_risk_view",
)  # fmt: skip


class Companies(NamedTuple):
    """The small company as it is, and its twin that has stated other settings."""

    plain: Settings
    stating: Settings
    hashes: dict[str, str]


@pytest.fixture(scope="module")
def companies(
    new_database: Callable[[], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Companies:
    """Both built by turns from the same checkout; the hashes are those of the plain one before."""
    small = small_gold(new_database)
    plain, stating = clone(small, "company_plain"), clone(small, "company_stating")
    before = gold_hashes(plain)
    path = tmp_path_factory.mktemp("stated") / "company.yml"
    path.write_text(STATED)
    load_company(read(path, stating), stating)
    for settings in (stating, plain):
        run_models(settings, "--select", *MODELS)
    return Companies(plain, stating, before)


def one(settings: Settings, sql: str) -> object:
    return frame(settings, sql).iloc[0, 0]


def test_no_number_of_the_other_company_has_moved(companies: Companies) -> None:
    assert gold_hashes(companies.plain) == companies.hashes


def test_each_has_its_currency(companies: Companies) -> None:
    total = "select sum(net_revenue) from mart_gold.fct_revenue_daily"
    again = """
        select sum(revenue.net_revenue_in_currency * (own.usd_per_unit / euro.usd_per_unit))
        from mart_gold.fct_revenue_daily as revenue
        cross join lateral (
            select usd_per_unit from seeds.exchange_rates
            where currency_code = revenue.currency_code and valid_from <= revenue.revenue_date
            order by valid_from desc limit 1
        ) as own
        cross join lateral (
            select usd_per_unit from seeds.exchange_rates
            where currency_code = 'EUR' and valid_from <= revenue.revenue_date
            order by valid_from desc limit 1
        ) as euro
    """
    in_euro = one(companies.stating, total)
    assert in_euro == pytest.approx(one(companies.stating, again), rel=Decimal("0.00001"))
    assert in_euro < one(companies.plain, total) * Decimal("0.99")


def test_each_has_its_fiscal_year(companies: Companies) -> None:
    sql = "select distinct extract(month from fiscal_year_start)::int from mart_gold.dim_date"
    assert (one(companies.plain, sql), one(companies.stating, sql)) == (1, 4)


def test_each_has_its_rules_of_risk(companies: Companies) -> None:
    sql = (
        "select count(*) filter (where is_low_health is distinct from health_score < {}) "
        "from mart_gold.churn_risk_view"
    )
    assert (one(companies.plain, sql.format(40)), one(companies.stating, sql.format(70))) == (0, 0)
    low = "select count(*) from mart_gold.churn_risk_view where is_low_health"
    assert one(companies.stating, low) > one(companies.plain, low)


def test_each_has_its_hours_and_holidays(companies: Companies) -> None:
    sql = "select open_seconds from intermediate_silver.int_support_day where local_date = '{}'"
    for day, plain, stating in (
        ("2026-10-24", 0, 7200), ("2026-10-31", 0, 0), ("2026-10-26", 28800, 28800)
    ):  # fmt: skip
        assert one(companies.plain, sql.format(day)) == plain
        assert one(companies.stating, sql.format(day)) == stating
    first = "select min(local_date)::text from intermediate_silver.int_support_day"
    assert one(companies.plain, first) < "2026-09-07"
    assert one(companies.stating, sql.format("2026-09-07")) == 28800, "no holiday any more"


def test_dashboards_show_each_its_currency_and_targets(companies: Companies) -> None:
    found = {}
    for settings in companies[:2]:
        with Gold(settings, "prod") as gold:
            boards = read_definitions(settings, gold.currency).judged_by(gold.targets).dashboards
        cards = [card for board in boards.values() for card in board.cards]
        found[settings.database] = (
            {one.unit for card in cards for one in card.columns.values()
             if one.format == "currency" and one.unit != "cents"},
            {card.goal for card in cards if card.target == "uptime_pct"},
        )  # fmt: skip
    assert found == {
        "company_plain": ({"USD"}, {99.9}),
        "company_stating": ({"EUR"}, {98.5}),
    }


def test_their_files_never_meet(companies: Companies) -> None:
    plain, stating = companies[:2]
    assert work_dir(plain, "prod") != work_dir(stating, "prod")
    assert site_folder(plain, "prod") != site_folder(stating, "prod")
