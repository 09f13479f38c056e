"""Readiness: sources, rows kept out with their reason and mapping, what metrics lack."""

from dataclasses import asdict
from pathlib import Path

import pytest
from tests.metrics.warehouse import execute

from o2r.bronze.loader import load
from o2r.bronze.unload import find, unload
from o2r.dashboards.readiness import Readiness, of_warehouse
from o2r.settings import Settings
from o2r.warehouse.query import Session

MAPPING = """
files:
  Accounts*.csv:
    table: customer_details
    columns: {account_id: Account, email: Mail, employee_count: Employees, date_created: Since}
    constants: {date_updated: 2025-10-01}
    dates: {date_created: DD/MM/YYYY}
    ignore: [Note]
"""
ACCOUNTS = """Account,Mail,Employees,Since,Note
a1,jane@example.com,12,01/02/2025,calls Jane Doe
a2,joe@example.com,many,01/02/2025,
a3,joe@example.com,about 7,01/02/2025,
a4,ann@example.com,5,03/25/2025,
"""
EVENTS = """event_id,event_timestamp,event_type
e1,2025-03-01T10:00:00Z,login
e2,2025-03-04T10:00:00Z,login
"""


@pytest.fixture
def delivered(warehouse: Settings, tmp_path: Path) -> Settings:
    (tmp_path / "Accounts 2025-10.csv").write_text(ACCOUNTS)
    (tmp_path / "product_usage_events.csv").write_text(EVENTS)
    mapping = tmp_path / "mapping.yml"
    mapping.write_text(MAPPING)
    load(tmp_path, mapping, settings=warehouse)
    return warehouse


def found(settings: Settings) -> Readiness:
    with Session(settings) as session:
        return of_warehouse(session)


def test_sources_say_what_they_hold(delivered):
    sources = {one.table: one for one in found(delivered).sources}
    events, accounts = sources["product_usage_events"], sources["customer_details"]
    assert (events.rows, events.first_day, events.last_day) == (2, "2025-03-01", "2025-03-04")
    assert (accounts.rows, accounts.kept_out) == (1, 3)
    assert (sources["invoices"].rows, sources["invoices"].newest_load) == (0, None)


def test_rows_kept_out_name_the_mapping_and_nobody(delivered):
    by_column = {one.column: one for one in found(delivered).kept_out}
    employees, since = by_column["employee_count"], by_column["date_created"]
    assert (employees.rows, employees.example) == (2, "xxxx")
    assert employees.where == "Accounts 2025-10.csv, row 2"
    assert employees.mapping == "files: Accounts*.csv: columns: employee_count"
    assert (since.rows, since.example) == (1, "03/25/2025")
    assert since.mapping == "files: Accounts*.csv: dates: date_created"
    told = str([asdict(one) for one in by_column.values()])
    assert "@" not in told
    assert "Jane" not in told


def test_who_may_not_read_the_rows_gets_no_example(delivered):
    with Session(delivered) as session:
        session.query("set role analytics_engineer")
        reasons = of_warehouse(session).kept_out
    assert len(reasons) == 2
    assert {one.example for one in reasons} == {None}
    assert {one.rows for one in reasons} == {1, 2}


def test_what_was_taken_back_is_kept_out_no_more(delivered):
    unload(delivered, find(delivered, [], "Accounts 2025-10.csv"))
    assert found(delivered).kept_out == []


def test_metrics_say_what_they_lack(delivered):
    metrics = {one.metric: one for one in found(delivered).metrics}
    assert len(metrics) > 50
    assert metrics["uptime_pct"].lacks == "needs platform_incidents: never delivered"
    assert metrics["feature_breadth"].lacks != metrics["monthly_signups"].lacks
    assert metrics["monthly_signups"].lacks == "gold is not built yet"


def test_a_row_of_another_tool_counts(warehouse):
    execute(
        warehouse,
        "insert into raw_bronze.support_tickets (ticket_id, account_id, created_at, last_updated) "
        "values ('t', 'a', '2025-01-01Z', '2025-01-01Z')",
    )
    [tickets] = [one for one in found(warehouse).sources if one.table == "support_tickets"]
    assert (tickets.rows, tickets.kept_out) == (1, 0)
