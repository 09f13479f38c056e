"""Hand-made bronze with one hard case per week, against numbers worked out by hand.

2024 begins on a Monday and has a 29 February. Every row is delivered on 4 March 2024, so the newest
complete day is Sunday 3 March. Accounts: `ann` (moves from Growth to Enterprise on 17 January),
`bob` (Starter), `dan` (signs up on 29 February), `cat` whom the CRM does not know.
"""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from tests.in_process import dbt_in_process
from tests.metrics.warehouse import clone, execute, frame, run_models

from o2r.builds.run import dbt
from o2r.settings import Settings

DELIVERED = "2024-03-04 06:00Z"
PROPRIETARY = "inference_user_token_usage_proprietary"
WEEKS = [f"2024-{day}" for day in ("01-01", "01-08", "01-15", "01-22", "01-29", "02-05", "02-12")]
W1, W2, W3, W4, W5, W6, W7 = WEEKS
W8, W9 = "2024-02-19", "2024-02-26"
JANUARY, FEBRUARY = "2024-01-01", "2024-02-01"


def rows(table: str, columns: str, *values: str, delivered: str = DELIVERED) -> str:
    """An insert of hand-made rows; a value is the text of one row without parentheses."""
    body = ", ".join(f"({value}, '{delivered}')" for value in values)
    return f"insert into raw_bronze.{table} ({columns}, loaded_at) values {body};"


def revenue(*values: str, delivered: str = DELIVERED) -> str:
    """Rows: account, day, day of snapshot, gross, discount, currency."""
    body = []
    for value in values:
        account, day, snapshot, gross, discount, currency = value.split()
        body.append(
            f"'{account}', 'sku', 'm1', 'global', 'eu-west', 'pay-as-you-go', '{currency}', "
            f"'{day}', '{snapshot}', {gross}, {discount}"
        )
    return rows(
        "revenue_account_daily",
        "account_id, product_sku, model_variant, inference_scope, region, billing_type, "
        "currency_code, revenue_date, snapshot_date, gross_revenue_input_tokens, discount_amount",
        *body,
        delivered=delivered,
    )


def requests(*values: str, delivered: str = DELIVERED) -> str:
    """Rows: request, account (- for a blank one), instant, tokens, latency, error."""
    body = []
    for value in values:
        request, account, instant, tokens, latency, error = value.split()
        account = " " if account == "-" else account
        error = "null" if error == "-" else f"'{error}'"
        body.append(
            f"'{request}', '{account}', 'm1', {tokens}, 0, 'eu-west', {latency}, {error}, "
            f"'{instant}Z'"
        )
    return rows(
        PROPRIETARY,
        "request_id, account_id, model_variant, input_tokens, output_tokens, source_region, "
        "latency_ms, error_code, event_timestamp",
        *body,
        delivered=delivered,
    )


ACCOUNTS = rows(
    "customer_details",
    "account_id, plan_tier, segment, country, is_active, date_created, date_updated",
    "'ann', 'Growth', 'Commercial', 'DE', true, '2024-01-01', '2024-01-01'",
    "'ann', 'Enterprise', 'Strategic', 'DE', true, '2024-01-01', '2024-01-17 12:00Z'",
    "'bob', 'Starter', 'Commercial', 'US', null, '2023-12-20', '2023-12-20'",
    "'dan', ' ', null, 'XX', true, '2024-02-29 23:30Z', '2024-02-29 23:30Z'",
)
BRONZE = "".join(
    (
        ACCOUNTS,
        # the days around new year
        revenue("bob 2023-12-31 2024-01-01 7 0 USD", "bob 2024-01-01 2024-01-02 5 0 USD"),
        # W1: a restated amount and a request delivered three times, the newest first
        revenue("ann 2024-01-02 2024-01-05 70 0 USD", "ann 2024-01-02 2024-01-03 100 0 USD"),
        requests("r1 ann 2024-01-02T10:00 100 900 -", delivered="2024-03-04 06:02Z"),
        requests("r1 ann 2024-01-02T10:00 100 300 E500", delivered="2024-03-04 06:01Z"),
        requests("r1 ann 2024-01-02T10:00 100 100 E500"),
        # W2: an account the CRM does not know, and one without a name
        revenue("ann 2024-01-10 2024-01-11 60 0 USD", "cat 2024-01-10 2024-01-11 40 0 USD"),
        requests("r2 cat 2024-01-10T10:00 10 100 -", "r3 - 2024-01-10T11:00 10 100 E429"),
        # W3: ann changes tier on Wednesday; one latency is missing
        revenue("ann 2024-01-16 2024-01-17 30 0 USD", "ann 2024-01-18 2024-01-19 50 0 USD"),
        requests("r4 ann 2024-01-16T10:00 10 null -", "r5 ann 2024-01-18T10:00 10 200 -"),
        # W4: a credit larger than the revenue; no latency at all
        revenue("ann 2024-01-23 2024-01-24 10 50 USD", "bob 2024-01-23 2024-01-24 100 0 USD"),
        requests("r6 ann 2024-01-23T10:00 10 null E503"),
        # W5: the last and the first instant of two months, and two currencies
        revenue("ann 2024-01-31 2024-02-01 20 0 USD", "bob 2024-02-01 2024-02-02 100 0 EUR"),
        requests("r7 bob 2024-01-31T23:59:59.999999 10 100 -", "r8 bob 2024-02-01T00:00 10 300 -"),
        # W6 and W7: an incident over the boundary, a second one on top of it
        rows(
            "platform_incidents",
            "incident_id, started_at, resolved_at, region, downtime_minutes, last_updated",
            "'i1', '2024-02-11 23:00Z', '2024-02-12 02:00Z', null, null, '2024-02-12 02:00Z'",
            "'i2', '2024-02-12 01:00Z', '2024-02-12 03:00Z', 'us-east', 120, '2024-02-12 03:00Z'",
            # known as open first: the later version says that it was resolved
            "'i2', '2024-02-12 01:00Z', null, 'us-east', null, '2024-02-12 01:30Z'",
        ),
        requests("r9 bob 2024-02-12T01:30 10 100 E503"),
        # W7 and W8: tickets open and resolved
        rows(
            "support_tickets",
            "ticket_id, account_id, created_at, resolved_at, category, status, last_updated",
            "'t1', 'ann', '2024-02-13 09:00Z', null, 'error', 'open', '2024-02-13 09:00Z'",
            "'t2', 'ann', '2024-02-13 10:00Z', '2024-02-13 14:00Z', 'billing', 'resolved', "
            "'2024-02-13 14:00Z'",
            "'t3', 'cat', '2024-02-20 10:00Z', null, 'latency', 'escalated', '2024-02-20 10:00Z'",
            "'t4', 'bob', '2024-03-03 10:00Z', '2024-03-04 02:00Z', 'error', 'resolved', "
            "'2024-03-04 02:00Z'",
        ),
        # W9: the leap day, and the last complete day
        revenue("ann 2024-02-29 2024-03-01 29 0 USD", "bob 2024-03-03 2024-03-04 3 0 USD"),
        # contracts: gone before any month end; back in February; a yearly one from the leap day
        rows(
            "subscriptions",
            "subscription_id, event_timestamp, crm_account_id, mrr, arr, currency, status, "
            "start_date, cancellation_date",
            "'s1', '2024-01-05', 'bob', 50, null, 'USD', 'active', '2024-01-05', null",
            "'s1', '2024-01-20', 'bob', 50, null, 'USD', 'cancelled', '2024-01-05', '2024-01-20'",
            "'s2', '2024-02-10', 'bob', 80, null, 'USD', 'active', '2024-02-10', null",
            "'s3', '2024-02-29 15:00Z', 'ann', null, 1200, 'USD', 'active', '2024-02-29', null",
            "'s4', '2024-01-03', 'ann', 500, null, 'USD', 'trial', '2024-01-03', null",
            "'s5', '2024-01-03', 'ann', 9, null, 'USD', 'active', '2024-06-01', null",
        ),
        # days that had not come when they were delivered
        requests("r0 ann 2025-06-01T10:00 10 100 -"),
        revenue("ann 2025-01-01 2025-01-02 1000000 0 USD"),
        rows(
            "support_tickets",
            "ticket_id, account_id, created_at, last_updated",
            "'t0', 'ann', '2031-01-01', '2031-01-01'",
        ),
    )
)


class Gold:
    """Reads single numbers of a built warehouse."""

    def __init__(self, settings: Settings):
        self.settings = settings

    def metric(self, name: str, period: str, member: str = "all", grain: str = "week"):
        """The value of a metric, None where it has no row."""
        found = frame(
            self.settings,
            "select value from mart_gold.metric_values where metric = %s and grain = %s "
            "and period_start = %s and dimension_value = %s",
            [name, grain, period, member],
        )
        assert len(found) <= 1
        return None if found.empty else found.iloc[0, 0]

    def row(self, statement: str) -> tuple:
        found = frame(self.settings, statement)
        assert len(found) == 1
        return tuple(found.iloc[0])


@pytest.fixture(scope="module")
def desk(new_database: Callable[[], Settings]) -> Settings:
    settings = new_database()
    execute(settings, BRONZE)
    run_models(settings)
    return settings


@pytest.fixture(scope="module")
def gold(desk: Settings) -> Gold:
    return Gold(desk)


def test_future_rows_do_not_move_the_as_of_day(gold: Gold) -> None:
    as_of = "select as_of_date::text from intermediate_silver.int_as_of"
    assert gold.row(as_of) == ("2024-03-03",)
    last = "select max(period_start)::text, max(value) from mart_gold.metric_values"
    assert gold.row(f"{last} where metric = 'weekly_revenue'")[0] == W9
    total = "select sum(net_revenue)::float from mart_gold.fct_revenue_daily"
    assert gold.row(total)[0] < 1000
    assert gold.row("select count(*) from mart_gold.fct_tickets") == (4,)


def test_a_restated_amount_replaces(gold: Gold) -> None:
    assert gold.metric("weekly_revenue", W1) == 75
    assert gold.metric("weekly_revenue", W1, "Enterprise") == 70


def test_a_request_delivered_again_counts_once_as_last_delivered(gold: Gold) -> None:
    assert gold.metric("requests", W1) == 1
    assert gold.metric("latency_p50_ms", W1) == 900
    assert gold.metric("error_rate_pct", W1) == 0


def test_an_unknown_account_is_visible_and_totals_tie(gold: Gold) -> None:
    assert gold.metric("weekly_revenue", W2) == 100
    assert gold.metric("weekly_revenue", W2, "Enterprise") == 60
    by_dimension = frame(
        gold.settings,
        "select dimension, sum(value) filter (where dimension_value = 'Unknown') as unknown, "
        "sum(value) as total from mart_gold.metric_values where metric = 'weekly_revenue' "
        "and period_start = '2024-01-08' and dimension in ('plan_tier', 'segment', 'region') "
        "group by dimension order by dimension",
    )
    assert by_dimension.to_numpy().tolist() == [
        ["plan_tier", 40, 100],
        ["region", 40, 100],
        ["segment", 40, 100],
    ]
    assert gold.metric("active_accounts", W2) == 2
    # the request without an account is counted too, under the account 'Unknown'
    assert gold.metric("requests", W2) == 2
    assert gold.metric("throttle_rate_pct", W2) == 50
    names = "select string_agg(account_id, ' ' order by account_id) from mart_gold.dim_account"
    assert gold.row(f"{names} where is_inferred") == ("Unknown cat",)


def test_an_account_re_tiered_in_the_middle_has_one_row_per_period(gold: Gold) -> None:
    assert gold.row(
        "select count(*), sum(net_revenue) from mart_gold.fct_account_period "
        f"where account_id = 'ann' and grain = 'week' and period_start = '{W3}' "
        "and product_sku = 'sku'"
    ) == (1, 80)
    assert gold.metric("weekly_revenue", W3, "Enterprise") == 80
    assert gold.metric("weekly_revenue", W3, "Growth") is None
    assert gold.metric("active_accounts", W3) == 1
    as_of_event = frame(
        gold.settings,
        "select plan_tier_as_of_event from mart_gold.fct_revenue_daily where account_id = 'ann' "
        f"and revenue_date >= '{W3}' and revenue_date < '{W4}' order by revenue_date",
    )
    assert as_of_event.iloc[:, 0].tolist() == ["Growth", "Enterprise"]


def test_missing_latencies_are_left_out(gold: Gold) -> None:
    assert gold.metric("requests", W3) == 2
    assert gold.metric("latency_p50_ms", W3) == 200
    assert gold.metric("requests", W4) == 1
    assert gold.metric("unavailable_rate_pct", W4) == 100
    for part in ("p50", "p90", "p99"):
        assert gold.metric(f"latency_{part}_ms", W4) is None


def test_a_week_of_credits(gold: Gold) -> None:
    assert gold.metric("weekly_revenue", W4) == 60
    assert gold.metric("weekly_revenue", W4, "Enterprise") == -40
    assert gold.metric("active_accounts", W4) == 1
    assert gold.metric("active_accounts", W4, "Enterprise") == 0
    assert gold.metric("arpa", W4) == 60
    assert gold.metric("arpa", W4, "Enterprise") is None
    assert gold.metric("cwgr_pct", W4, "Enterprise") is None
    assert gold.metric("retention_rate_pct", W4) == 0


def test_growth_from_a_negative_week_is_undefined(gold: Gold) -> None:
    """From -40 to 20 is no fall by 150 %."""
    assert gold.metric("weekly_growth_rate_pct", W5, "Enterprise") is None


def test_currencies_are_converted_before_they_are_added(gold: Gold) -> None:
    rate = frame(
        gold.settings,
        "select usd_per_unit::numeric from seeds.exchange_rates "
        "where currency_code = 'EUR' and valid_from = '2024-02-01'",
    ).iloc[0, 0]
    assert rate != 1
    assert gold.metric("weekly_revenue", W5) == 20 + 100 * rate
    assert gold.metric("weekly_revenue", W5, "Starter") == 100 * rate


def test_the_last_microsecond_of_a_month_belongs_to_it(gold: Gold) -> None:
    assert gold.metric("requests", JANUARY, grain="month") == 7
    assert gold.metric("requests", FEBRUARY, grain="month") == 2
    assert gold.metric("requests", W5) == 2
    assert gold.metric("latency_p50_ms", W5) == 200


def test_an_incident_is_split_at_the_week_and_overlaps_count_once(gold: Gold) -> None:
    minutes = Decimal(7 * 24 * 60)

    def up(down: int) -> Decimal:
        return (100 * (minutes - down) / minutes).quantize(Decimal("0.000001"))

    assert gold.metric("uptime_pct", W6) == up(60)
    assert gold.metric("uptime_pct", W7) == up(180)
    assert gold.metric("uptime_pct", W7, "us-east") == up(180)
    assert gold.metric("uptime_pct", W7, "eu-west") == up(120)
    assert gold.metric("uptime_pct", W8) == 100
    assert (gold.metric("mttr_minutes", W6), gold.metric("mttr_minutes", W7)) == (180, 120)
    assert (gold.metric("incident_count", W6), gold.metric("incident_count", W7)) == (1, 1)
    assert gold.metric("incident_count", W7, "eu-west") == 0
    # 29 days in February
    down = gold.row(
        "select period_minutes, downtime_minutes from mart_gold.availability_summary "
        f"where grain = 'month' and dimension = 'all' and period_start = '{FEBRUARY}'"
    )
    assert down == (29 * 24 * 60, 240)


def test_an_open_ticket_counts_but_has_no_resolution_time(gold: Gold) -> None:
    assert gold.metric("ticket_volume", W7) == 2
    assert gold.metric("platform_ticket_volume", W7) == 1
    assert gold.metric("ticket_resolution_hours", W7) == 4
    assert gold.metric("ticket_volume", W8) == 1
    assert gold.metric("ticket_resolution_hours", W8) is None
    # resolved after the as-of day: open as of then
    assert gold.metric("ticket_volume", W9) == 1
    assert gold.metric("ticket_resolution_hours", W9) is None
    assert gold.row("select count(*) from mart_gold.fct_tickets where is_open") == (3,)


def test_the_leap_day_is_a_day(gold: Gold) -> None:
    assert gold.metric("weekly_revenue", W9) == 32
    assert gold.metric("monthly_signups", FEBRUARY, grain="month") == 1
    assert gold.metric("weekly_signups", W9) == 1
    assert gold.metric("monthly_revenue", "2024-03-01", grain="month") == 3
    rate = gold.metric("weekly_revenue", W5, "Starter")
    assert gold.metric("monthly_revenue", FEBRUARY, grain="month") == 29 + rate


def test_contract_movements(gold: Gold) -> None:
    def movements(period: str, grain: str) -> dict[str, Decimal]:
        names = ("opening", "new", "reactivation", "expansion", "contraction", "churn")
        found = {name: gold.metric(f"arr_{name}", period, grain=grain) for name in names}
        return {name: value / 12 for name, value in found.items() if value}

    assert movements(W1, "week") == {"new": 50}
    assert movements(W2, "week") == {"opening": 50}
    assert movements(W3, "week") == {"opening": 50, "churn": 50}
    assert movements(W6, "week") == {"reactivation": 80}
    assert movements(W9, "week") == {"opening": 80, "new": 100}
    # in force at no month end, the first contract is never seen by month: February is new
    assert gold.metric("mrr", JANUARY, grain="month") is None
    assert movements(FEBRUARY, "month") == {"new": 180}
    assert gold.metric("mrr", FEBRUARY, grain="month") == 180
    assert gold.metric("nrr_pct", FEBRUARY, grain="month") is None


@pytest.fixture(scope="module")
def new_year(desk: Settings) -> Gold:
    settings = clone(desk, "desk_new_year")
    run_models(settings, "--vars", "as_of_date: 2024-01-01", "--select", "+metric_values")
    return Gold(settings)


def test_as_of_the_first_of_january(new_year: Gold) -> None:
    gold = new_year
    assert gold.row("select as_of_date::text from intermediate_silver.int_as_of") == ("2024-01-01",)
    # the week that began today has one day, the year too; last year's stays last year's
    assert gold.metric("weekly_revenue", W1) == 5
    assert gold.metric("ytd_revenue", W1) == 5
    assert gold.metric("ytd_revenue", "2023-12-25") == 7
    assert gold.metric("ytd_revenue", "2023-12-01", grain="month") == 7
    assert gold.metric("monthly_revenue", JANUARY, grain="month") == 5
    assert gold.metric("active_accounts", W1) == 1
    # a part of a week is compared with nothing, and nothing later is known
    assert gold.metric("weekly_growth_rate_pct", W1) is None
    assert gold.metric("target_attainment_pct", W1) is None
    # revenue is observed from Sunday 31 December: that week has ended and is not whole
    whole = "select bool_or(is_complete) from mart_gold.revenue_summary"
    assert gold.row(f"{whole} where period_start = '2023-12-25'") == (False,)
    assert gold.metric("target_attainment_pct", "2023-12-25") is None
    last = "select max(period_start)::text, bool_or(is_complete and period_start = '2024-01-01') "
    assert gold.row(f"{last} from mart_gold.metric_values") == (W1, False)
    assert gold.row("select count(*) from mart_gold.fct_tickets") == (0,)


@pytest.fixture(scope="module")
def leap_day(desk: Settings) -> Gold:
    settings = clone(desk, "desk_leap_day")
    run_models(settings, "--vars", "as_of_date: 2024-02-29", "--select", "+metric_values")
    return Gold(settings)


def test_as_of_the_end_of_a_month(leap_day: Gold) -> None:
    gold = leap_day
    complete = frame(
        gold.settings,
        "select grain, period_start::text, is_complete from mart_gold.metric_values "
        "where metric = 'ytd_revenue' and dimension = 'all' and period_start >= '2024-02-01'",
    )
    found = {(row.grain, row.period_start): row.is_complete for row in complete.itertuples()}
    assert found[("month", FEBRUARY)]
    assert not found[("week", W9)]
    assert gold.metric("mrr", FEBRUARY, grain="month") == 180
    assert gold.metric("weekly_revenue", W9) == 29
    year = [5, 70, 100, 80, 60, 20, 29]
    starter = gold.metric("weekly_revenue", W5, "Starter")
    assert gold.metric("ytd_revenue", FEBRUARY, grain="month") == sum(year) + starter
    assert gold.metric("monthly_revenue", "2024-03-01", grain="month") is None
    assert gold.metric("retention_rate_pct", FEBRUARY, grain="month") is not None


@pytest.fixture(scope="module")
def empty(new_database: Callable[[], Settings]) -> Settings:
    """A warehouse in which nothing has ever been delivered, built."""
    settings = new_database()
    run_models(settings)
    return settings


def test_empty_bronze_builds_empty_gold(empty: Settings) -> None:
    tables = frame(
        empty,
        "select table_name from information_schema.tables where table_schema = 'mart_gold'",
    )["table_name"]
    counts = {
        table: frame(empty, f"select count(*) from mart_gold.{table}").iloc[0, 0]
        for table in tables
    }
    assert len(counts) >= 38
    # what does not come from bronze: catalogue, map of drivers, the members named 'Unknown'
    from_seeds = {"metric_catalog", "o2r_driver_map", "feed_status"}
    unknown = {"dim_account", "dim_model", "dim_product", "dim_region"}
    assert {table for table, count in counts.items() if count} <= from_seeds | unknown
    assert counts["metric_values"] == 0
    assert counts["metric_catalog"] > 100


def test_one_row_of_bronze(empty: Settings) -> None:
    settings = clone(empty, "one_row")
    execute(settings, requests("only bob 2024-01-10T10:00 10 120 -"))
    run_models(settings, "--select", "+metric_values", "--exclude", "resource_type:seed")
    gold = Gold(settings)
    assert gold.row("select as_of_date::text from intermediate_silver.int_as_of") == ("2024-01-10",)
    assert gold.metric("requests", W2) == 1
    assert gold.metric("latency_p99_ms", W2) == 120
    assert gold.metric("uptime_pct", W2) is None, "nobody has ever told of incidents"
    assert gold.metric("incident_count", W2) is None
    assert gold.metric("cs_score", W2) is None, "of neither tickets nor incidents"
    assert gold.metric("weekly_revenue", W2) is None, "revenue was never observed"
    weeks = "select min(period_start)::text, max(period_start)::text from mart_gold.metric_values"
    assert gold.row(f"{weeks} where grain = 'week'") == (W2, W2), "nothing is said of earlier weeks"


def test_a_missing_exchange_rate_stops_the_build(empty: Settings) -> None:
    settings = clone(empty, "no_rate")
    execute(settings, revenue("bob 2024-01-10 2024-01-11 10 0 XTS"))
    run_models(settings, "--select", "+fct_revenue_daily")
    with dbt_in_process():
        assert dbt(settings, ["--quiet", "test", "--select", "fct_revenue_daily"]) != 0
    target = settings.home / "dbt" / f"{settings.database}_prod" / "target"
    results = json.loads((target / "run_results.json").read_text())["results"]
    failed = {result["unique_id"].split(".")[2] for result in results if result["status"] == "fail"}
    assert "valid_fct_revenue_daily" in failed
    assert len(failed) < len(results)
