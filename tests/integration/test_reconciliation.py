"""Bronze, silver and gold are compared: a difference stops the run, news of bronze does not."""

import itertools
from collections.abc import Callable
from unittest.mock import patch

import psycopg2
import pytest
from tests.in_process import dbt_in_process
from tests.integration.small_project import add_ticket, small_warehouse
from tests.metrics.warehouse import clone, execute, frame

from o2r.bronze.loader import load
from o2r.builds.manifests import FILE
from o2r.builds.manifests import load as load_json
from o2r.builds.publish import publish
from o2r.builds.reconcile import Compared, Start, reconcile, start
from o2r.builds.run import build, work_dir
from o2r.errors import UserError
from o2r.health import examine
from o2r.settings import Settings
from o2r.warehouse.query import Session

BRONZE = """
select
    (select sum(gross_revenue_input_tokens) from raw_bronze.revenue_account_daily),
    (select count(distinct request_id) from raw_bronze.inference_user_token_usage_proprietary),
    (select count(distinct ticket_id) from raw_bronze.support_tickets)
"""
REQUESTS = "raw_bronze.inference_user_token_usage_proprietary"
numbers = itertools.count(1)
opened: list[object] = []
"""Connections that the build of the module's warehouse has opened, but for dbt's own."""


@pytest.fixture(scope="module")
def built(
    new_database: Callable[[], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    settings = small_warehouse(new_database, tmp_path_factory.mktemp("small"))
    with dbt_in_process(), patch.object(psycopg2, "connect", wraps=psycopg2.connect) as connect:
        build(settings, quiet=True)
    opened.extend(
        call for call in connect.mock_calls if call.kwargs.get("application_name") == "o2r"
    )
    return settings


@pytest.fixture
def warehouse(built: Settings) -> Settings:
    """A copy of that warehouse, for one test."""
    return clone(built, f"reconciled_{next(numbers)}")


@pytest.fixture
def compare(built: Settings, warehouse: Settings) -> Callable[..., dict[str, Compared]]:
    """Compare the layers of the copy as they are; gives what was kept, by check."""
    manifest = load_json(work_dir(built, "prod") / "target" / FILE)

    def run(since: Start | None = None) -> dict[str, Compared]:
        execute(warehouse, "delete from ops.reconciliation; delete from ops.left_out_rows")
        with Session(warehouse) as session:
            found = reconcile(session, 1, "prod", manifest, since or start(session))
        return {row.check: row for row in found}

    return run


def kept(settings: Settings) -> dict[str, tuple]:
    rows = frame(
        settings,
        "select check_name || ' ' || unit, bronze::float, silver::float, gold::float, is_equal "
        "from ops.reconciliation order by 1",
    )
    return {row[0]: row[1:] for row in rows.itertuples(index=False, name=None)}


def deliver(settings: Settings, table: str, header: str, *lines: str) -> None:
    file = settings.project / f"{table}.csv"
    file.write_text("\n".join([header, *lines, ""]))
    load(file, settings=settings, mix=True)


@pytest.mark.usefixtures("built")
def test_a_build_opens_few_connections() -> None:
    assert 1 <= len(opened) <= 3


def test_a_complete_build_is_reconciled(built: Settings) -> None:
    revenue, requests, tickets = map(float, frame(built, BRONZE).iloc[0])
    assert min(revenue, requests, tickets) > 0
    assert kept(built) == {
        "requests requests": (requests, requests, requests, True),
        "revenue USD": (revenue, revenue, revenue, True),
        "tickets tickets": (tickets, tickets, tickets, True),
    }


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            "delete from mart_gold.fct_tickets where ticket_id = (select min(ticket_id) from "
            "mart_gold.fct_tickets)",
            "tickets",
        ),
        (
            "update mart_gold.fct_revenue_daily set net_revenue_in_currency = "
            "net_revenue_in_currency + 0.01 where revenue_date = (select min(revenue_date) "
            "from mart_gold.fct_revenue_daily)",
            "revenue in USD",
        ),
        (
            "update intermediate_silver.int_requests set requested_date = requested_date + 1 where "
            "request_id = (select min(request_id) from intermediate_silver.int_requests)",
            "requests",
        ),
        ("update mart_gold.fct_usage_daily set request_count = 2 * request_count", "requests"),
    ],
)
def test_a_difference_is_kept_and_named(
    warehouse: Settings, compare: Callable[..., dict[str, Compared]], damage: str, said: str
) -> None:
    compare()
    execute(warehouse, damage)
    with pytest.raises(UserError, match=rf"bronze, silver and gold differ: {said} [0-9. /]+$"):
        compare()
    wrong = [name for name, row in kept(warehouse).items() if not row[-1]]
    assert len(wrong) == 1
    assert wrong[0].startswith(said.split()[0])


def test_what_silver_has_not_read_is_no_difference(
    warehouse: Settings, compare: Callable[..., dict[str, Compared]]
) -> None:
    """A late load, a correction that moves a request, rows of another tool, an erasure."""
    before, since = compare(), start(Session(warehouse))
    [(request, day)] = frame(
        warehouse,
        f"select min(request_id), max(event_timestamp)::date::text from {REQUESTS}",
    ).itertuples(index=False, name=None)
    deliver(
        warehouse,
        "inference_user_token_usage_proprietary",
        "request_id,account_id,model_variant,event_timestamp,input_tokens",
        f"late,A1,m,{day} 10:00,1",
        f"{request},A1,m,{day} 11:00,1",
    )
    add_ticket(warehouse, 1)
    execute(
        warehouse,
        f"insert into {REQUESTS} (request_id, account_id, event_timestamp, loaded_at) "
        "values ('foreign', 'A1', '2024-01-05Z', now());"
        "insert into raw_bronze.support_tickets (ticket_id, account_id, created_at, last_updated, "
        "loaded_at) values ('foreign', 'A1', '2024-01-05Z', '2024-01-05Z', now());"
        "delete from raw_bronze.revenue_account_daily where revenue_date = "
        "(select min(revenue_date) from raw_bronze.revenue_account_daily)",
    )
    after = compare(since)
    assert after["tickets"][1:5] == before["tickets"][1:5]
    assert {check: row.left_out_count for check, row in after.items()} == {
        "requests": 3,
        "revenue": 1,
        "tickets": 2,
    }
    with dbt_in_process():
        build(warehouse, quiet=True)
    latest = "select check_name, left_out_count from ops.reconciliation where build_id > 1"
    assert set(frame(warehouse, latest).itertuples(index=False, name=None)) == {
        ("requests", 0),
        ("revenue", 0),
        ("tickets", 0),
    }


def test_a_log_of_an_earlier_version_starts_anew(warehouse: Settings) -> None:
    """Until 0.2 a change was a sentence: nothing is compared before the next build, in full."""
    execute(
        warehouse,
        "drop table intermediate_silver.int_change_log; create table "
        "intermediate_silver.int_change_log (model text, table_name text, change text, "
        "event_date date, primary key (model, table_name, change, event_date)); "
        "update intermediate_silver.int_requests set requested_date = requested_date + 1",
    )
    assert "now" not in {finding.subject for finding in examine(warehouse)}
    with dbt_in_process():
        build(warehouse, quiet=True)
    latest = "select is_equal, left_out_count from ops.reconciliation where build_id > 1"
    assert set(frame(warehouse, latest).itertuples(index=False, name=None)) == {(True, 0)}


def test_a_row_from_the_future_hides_no_later_one(warehouse: Settings) -> None:
    """Another tool stamps one row 300 days ahead; what it inserts later is built all the same."""
    insert = (
        "insert into raw_bronze.product_usage_events (event_id, crm_account_id, event_type, "
        "event_timestamp, loaded_at) select 'e' || n, 'A1', 'login', timestamptz '{day}Z', "
        "now() + interval '{ahead}' from generate_series({first}, {last}) n"
    )
    execute(warehouse, insert.format(day="2024-01-05", ahead="300 d", first=0, last=0))
    with dbt_in_process():
        assert build(warehouse, quiet=True, only_if_changed=True)
        execute(warehouse, insert.format(day="2024-01-06", ahead="0 d", first=1, last=400))
        assert build(warehouse, quiet=True, only_if_changed=True), "the rows are seen"
    built = "select count(*) from intermediate_silver.int_product_events"
    assert frame(warehouse, built).iloc[0, 0] == 401
    latest = (
        "select unit, bronze::int, silver::int, gold::int, left_out_count from ops.reconciliation "
        "where check_name = 'events' order by build_id desc limit 1"
    )
    assert frame(warehouse, latest).values.tolist() == [["other events", 400, 400, 400, 1]]
    first, second = (f for f in examine(warehouse) if f.subject == "product_usage_events")
    assert first.state == "WRONG"
    assert first.found.startswith("1 rows are stamped ahead of the clock")
    assert second.found.startswith("newest row")


def test_a_publish_that_does_not_add_up_leaves_gold(warehouse: Settings) -> None:
    model = warehouse.dbt_dir / "models" / "marts" / "core" / "fct_tickets.sql"
    text = model.read_text()
    model.write_text(text + " limit 1")
    before = frame(warehouse, "select count(*) from mart_gold.fct_tickets").iloc[0, 0]
    try:
        with dbt_in_process():
            with pytest.raises(UserError, match=r"not published, .* differ: tickets"):
                publish(warehouse, only_gold=True, quiet=True)
            with pytest.raises(UserError, match="differ: tickets"):
                build(warehouse, quiet=True)
    finally:
        model.write_text(text)
    assert frame(warehouse, "select outcome from ops.builds order by build_id")[
        "outcome"
    ].tolist() == ["succeeded", "failed", "failed"]
    assert before > 1


def test_a_partial_build_is_not_compared(warehouse: Settings) -> None:
    with dbt_in_process():
        build(warehouse, arguments=["--select", "ticket_totals"], quiet=True)
    assert frame(warehouse, "select * from ops.reconciliation where build_id > 1").empty


def test_rows_that_a_contract_forbids_count_in_no_layer(
    warehouse: Settings, compare: Callable[..., dict[str, Compared]]
) -> None:
    compare()
    execute(
        warehouse,
        "insert into raw_bronze.support_tickets (ticket_id, account_id, created_at, priority, "
        "last_updated) values ('bad', 'A1', '2024-05-01', 'urgent', '2024-05-01');"
        "insert into raw_bronze.support_tickets (ticket_id, account_id, created_at, last_updated, "
        "loaded_at) select ' ' || ticket_id || ' ', account_id, created_at, last_updated, "
        "'2020-01-01' from raw_bronze.support_tickets where ticket_id <> 'bad' limit 2",
    )
    found = compare()
    assert found["tickets"].difference == 0
    kept_out = frame(
        warehouse,
        "select table_name, row_count, merged_keys from ops.left_out_rows "
        "where row_count + merged_keys > 0",
    )
    assert kept_out.values.tolist() == [["support_tickets", 1, 2]]
