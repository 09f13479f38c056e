"""The book's reference chapters: what their examples print against what they do."""

import ast
from importlib.util import find_spec
from pathlib import Path
from statistics import NormalDist, mean, median

import pytest
import yaml
from psycopg2 import Error
from psycopg2.extras import execute_values
from sqlalchemy.engine import make_url
from sqlalchemy.exc import NoSuchModuleError
from tests.golden.errata import assert_listed

from o2r.settings import Settings
from o2r.warehouse import connect

INSTANT = "timestamptz '2025-12-31T13:01:49.459Z'"
EPOCH = 1735651309.459
CUSTOMERS = """(values
    (1, 'quantum.nebula@turmeric-tech.com', 'Premium Plan - Annual'),
    (2, 'stellar.phoenix@cardamom.co', 'STARTER plan (monthly)'),
    (3, 'Cosmic.Thunder@SAFFRON.IO', 'Enterprise Plan - Quarterly'),
    (4, 'atomic_lightning@coriander-labs.net', 'growth PLAN - annual'),
    (5, 'digital.vortex@peppercorn.com', 'Premium Plan - Monthly')
) as customers (customer_id, email, plan)"""
INVOICES = """(values
    (1, 'Turmeric Technologies', 'Enterprise', date '2025-01-31', 45000, 2250.00),
    (2, 'Cardamom Systems', 'Growth', date '2025-01-31', 18000, 900.00),
    (3, 'Saffron Solutions', 'Enterprise', date '2025-01-31', 52000, 2600.00),
    (4, 'Cumin Innovations', 'Starter', date '2025-01-31', 3500, 175.00),
    (5, 'Turmeric Technologies', 'Enterprise', date '2025-02-28', 48000, 2400.00),
    (6, 'Coriander Labs', 'Growth', date '2025-02-28', 22000, 1100.00),
    (7, 'Cardamom Systems', 'Growth', date '2025-02-28', 16500, 825.00),
    (8, 'Peppercorn Group', 'Enterprise', date '2025-02-28', 61000, 3050.00),
    (9, 'Fenugreek Digital', 'Growth', date '2025-02-28', 25000, 1250.00),
    (10, 'Mustard Seed Tech', 'Starter', date '2025-02-28', 4200, 210.00)
) as invoices (invoice_id, customer, tier, ended, calls, amount)"""


@pytest.fixture(scope="module")
def postgres(server: Settings):
    """Cursor of a transaction that is given up at the end."""
    connection = connect(server)
    with connection.cursor() as cursor:
        yield cursor
    connection.close()


def value(cursor, expression: str, source: str = "") -> str:
    """One value as text, or the first line of the error."""
    cursor.execute("savepoint before")
    try:
        cursor.execute(f"select ({expression})::text {source}")
        return cursor.fetchone()[0]
    except Error as error:
        cursor.execute("rollback to before")
        return error.diag.message_primary


def kind(cursor, expression: str, source: str = "") -> str:
    return value(cursor, f"pg_typeof({expression})", f"{source} limit 1")


def rowcount_after(cursor, count: int) -> int:
    """What cursor.rowcount says after execute_values has inserted `count` rows."""
    cursor.execute("create temp table written (number integer) on commit drop")
    execute_values(cursor, "insert into written values %s", [(n,) for n in range(count)])
    said = cursor.rowcount
    cursor.execute("drop table written")
    return said


def taken(module: str, name: str, argument: str) -> str:
    """Whether an attrs class of an installed module takes an argument of that name."""
    for node in ast.walk(ast.parse(Path(find_spec(module).origin).read_text())):
        if isinstance(node, ast.ClassDef) and node.name == name:
            names = [getattr(found, "target", None) for found in node.body]
            found = argument in {target.id for target in names if isinstance(target, ast.Name)}
            return "taken" if found else "refused"
    raise AssertionError(f"{module} has no class {name}")


def reads(text: str) -> object:
    """The value of the only key of a YAML text, or error."""
    try:
        return next(iter(yaml.safe_load(text).values()))
    except yaml.YAMLError:
        return "error"


def driver(url: str) -> str:
    """Whether SQLAlchemy knows the driver of a database address."""
    try:
        make_url(url).get_dialect()
    except NoSuchModuleError:
        return "unknown"
    return "known"


def test_chapter_10() -> None:
    # Two means of one size differ with a standard error that is sqrt(2) times that of one.
    width = NormalDist().inv_cdf(0.975) / 2**0.5
    assert_listed(
        "Chapter 10",
        {
            "repeats_within_interval_pct": ("95", 100 * (2 * NormalDist().cdf(width) - 1)),
            "volume_drop_pct": ("65", 100 * (1 - 0.8 / 2.3)),
        },
    )


def test_chapter_16(postgres) -> None:
    orders = [10, 12, 95]
    middle = {mean(orders): "mean", median(orders): "median"}[sorted(orders)[1]]
    dag = "airflow.sdk.definitions.dag"
    assert_listed(
        "Chapter 16",
        {
            "finds_the_middle": ("mean", middle),
            "rows_inserted:100": ("100", rowcount_after(postgres, 100)),
            "rows_inserted:250": ("250", rowcount_after(postgres, 250)),
            "unquoted_colon": ("error", reads("password: db:secret")),
            "unquoted_brace": ("error", reads("password: {secret")),
            "dag_argument:schedule_interval": ("taken", taken(dag, "DAG", "schedule_interval")),
            "dag_argument:catchup": ("taken", taken(dag, "DAG", "catchup")),
        },
    )


def test_chapter_17_dates(postgres) -> None:
    def shown(expression: str) -> str:
        return value(postgres, expression)

    def type_of(expression: str) -> str:
        return kind(postgres, expression)

    week, month = f"date_trunc('week', {INSTANT})", f"date_trunc('month', {INSTANT}"
    days = "generate_series(current_date - interval '365 days', current_date, interval '1 day')"
    assert_listed(
        "Chapter 17: dates",
        {
            "cast:timestampz": ("works", shown("'2025-12-31T13:01:49Z'::timestampz")),
            "ts_from_epoch": ("2025-12-31 13:01:49", shown(f"to_timestamp({EPOCH})")[:19]),
            "epoch_seconds": ("1735651309.459", shown(f"extract(epoch from {INSTANT})")),
            "type:ts_from_epoch": ("timestamp without time zone", type_of("to_timestamp(0)")),
            "ts_truncated": ("2025-12-31 13:01:49+00", shown(f"date_trunc('second', {INSTANT})")),
            "week_start_date": ("2025-12-29", shown(f"{week}::date")),
            "week_end_date": ("2026-01-04", shown(f"({week} + interval '6 days')::date")),
            "month_start_date": ("2025-12-01", shown(f"{month})::date")),
            "month_end_date": (
                "2025-12-31",
                shown(f"({month} + interval '1 month') - interval '1 day')::date"),
            ),
            "quarter_start_date": ("2025-10-01", shown(f"date_trunc('quarter', {INSTANT})::date")),
            "utc_year": ("2025", shown(f"extract(year from {INSTANT})::int")),
            "date_plus_30": ("2026-01-30", shown(f"{INSTANT}::date + interval '30 days'")),
            "type:days_since": ("integer", type_of(f"current_date - {INSTANT}::date")),
            "formatted_date": ("2025-12-31", shown(f"to_char({INSTANT}, 'YYYY-MM-DD')")),
            "days_of_last_365": ("365", value(postgres, "count(*)", f"from {days}")),
        },
    )


def test_chapter_17_strings(postgres) -> None:
    def of(customer: int, expression: str) -> str:
        return value(postgres, expression, f"from {CUSTOMERS} where customer_id = {customer}")

    slug = "regexp_replace(lower(plan), '^[^a-z0-9]+', '_', 'g')"
    annual = "string_agg(customer_id::text, ', ') filter (where lower(plan) like '%annual%')"
    assert_listed(
        "Chapter 17: strings",
        {
            "email_lower:1": ("quantum.nebula@turmeric-tech.com", of(1, "lower(trim(email))")),
            "username:1": ("quantum.nebula", of(1, "split_part(trim(email), '@', 1)")),
            "username_regex:1": ("quantum.nebula", of(1, "substring(email from '^([^@]+)')")),
            "plan_slug:1": ("premium_plan_annual", of(1, slug)),
            "is_annual": ("1, 4", value(postgres, annual, f"from {CUSTOMERS}")),
            "email_length:1": ("34", of(1, "length(trim(email))")),
            "at_sign_position:1": ("15", of(1, "position('@' in trim(email))")),
            "email_domain:1": ("turmeric-tech.com", of(1, "split_part(email, '@', 2)")),
        },
    )


def test_chapter_17_windows(postgres) -> None:
    def type_of(expression: str) -> str:
        return kind(postgres, expression, f"from {INVOICES}")

    def of(invoice: int, expression: str) -> str:
        inner = f"(select *, {expression} as found from {INVOICES}) as windows"
        return value(postgres, "found", f"from {inner} where invoice_id = {invoice}")

    running = "sum(amount) over (order by ended, customer rows unbounded preceding)"
    first = f"(select {running} as found from {INVOICES} order by ended, customer limit 3) as sums"
    before = "lag(calls) over (partition by customer order by ended)"
    counts = {
        type_of(expression)
        for expression in (
            "row_number() over (order by ended, customer)",
            "rank() over (order by calls desc)",
            "dense_rank() over (order by amount desc)",
            "count(*) over (partition by tier)",
            "sum(calls) over (partition by tier)",
        )
    }
    assert_listed(
        "Chapter 17: windows",
        {
            "cumulative_revenue": (
                "2250, 3150, 5750",
                value(postgres, "string_agg(round(found)::text, ', ')", f"from {first}"),
            ),
            "usage_change_mom:5": ("3000", of(5, f"calls - {before}")),
            "usage_growth_rate:5": ("0.067", of(5, f"1.0 * (calls - {before}) / {before}")),
            "type:ranks_and_counts": ("integer", ", ".join(counts)),
            "type:usage_quartile": ("integer", type_of("ntile(4) over (order by calls)")),
            "type:centered_moving_avg": (
                "double precision",
                type_of(
                    "avg(calls) over (order by ended rows between 1 preceding and 1 following)"
                ),
            ),
            "type:range_cumulative_revenue": (
                "double precision",
                type_of("sum(amount) over (order by ended)"),
            ),
            "type:range_band_avg_usage": (
                "double precision",
                type_of("avg(calls) over (partition by tier)"),
            ),
            "type:pct_rank_usage": (
                "double precision",
                type_of("percent_rank() over (order by calls)"),
            ),
            "invoices_that_may_be_baseline:Enterprise": (
                "1",
                value(
                    postgres,
                    "count(*)",
                    f"from {INVOICES} where tier = 'Enterprise' and ended = '2025-01-31'",
                ),
            ),
        },
    )


def test_chapter_19() -> None:
    host = "mds_user:mds_password@postgres:5432/btg_resource_utilization"
    assert_listed(
        "Chapter 19",
        {
            "driver:postgressql+psycopy2": ("known", driver(f"postgressql+psycopy2://{host}")),
            "driver:postgresql+psycopg2": ("known", driver(f"postgresql+psycopg2://{host}")),
            "unquoted_email": ("error", reads("PGADMIN_DEFAULT_EMAIL: admin@admin.com")),
            "unquoted_leading_at": ("error", reads("PGADMIN_DEFAULT_EMAIL: @admin.com")),
        },
    )
