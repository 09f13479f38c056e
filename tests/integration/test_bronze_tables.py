"""Setup makes the tables of the contracts, and of older tables those; partitions come as needed."""

from pathlib import Path

import pytest

from o2r.contracts import load_contracts
from o2r.errors import UserError
from o2r.warehouse import bronze_tables, connect, setup

CONTRACTS = load_contracts(Path(__file__).parents[2] / "dbt")
USAGE = "raw_bronze.inference_user_token_usage_proprietary"
OLDER = """
drop table raw_bronze.platform_incidents;
alter table raw_bronze.invoices drop column line_items;
alter table raw_bronze.crm_contacts alter column first_name set not null;
comment on column raw_bronze.crm_contacts.email is 'another';
alter table raw_bronze.customer_details alter column employee_count type smallint;
insert into raw_bronze.customer_details (account_id, employee_count, date_created, date_updated)
values ('a', 7, '2026-01-01Z', '2026-01-01Z');
select ops.ensure_month_partition('raw_bronze.web_events', '2026-01-01');
alter table raw_bronze.web_events alter column utm_source type varchar(20);

create view staging_silver.employees with (security_barrier = true) as
select account_id, employee_count from raw_bronze.customer_details;
create view mart_gold.large as
select employees.account_id from staging_silver.employees as employees
inner join raw_bronze.customer_details as details using (account_id)
where details.employee_count > 5 and employees.employee_count > 5;
comment on view mart_gold.large is 'Large ones.';
comment on column mart_gold.large.account_id is 'Account.';
alter view mart_gold.large owner to o2r_builder;
revoke all on mart_gold.large from business_user;
grant select (account_id) on mart_gold.large to partner_dw_engineer with grant option;
grant select on mart_gold.large to data_scientist, public;
"""
VIEWS = """
select c.oid::regclass::text, pg_get_viewdef(c.oid), c.relowner::regrole::text, c.reloptions,
    obj_description(c.oid), col_description(c.oid, 1), a.attacl::text,
    array(select x::text from unnest(c.relacl) as x order by 1)
from pg_class as c
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum = 1
where c.relkind = 'v' and c.relnamespace::regnamespace::text in ('staging_silver', 'mart_gold')
order by 1
"""


def plan(settings) -> bronze_tables.Plan:
    """What setup would do to the bronze tables of a database."""
    connection = connect(settings)
    with connection, connection.cursor() as cursor:
        return bronze_tables.plan(CONTRACTS.values(), bronze_tables.described(cursor))


def test_tables_are_those_of_the_contracts(module_warehouse, query):
    assert plan(module_warehouse) == bronze_tables.Plan((), ())
    columns = query(
        module_warehouse,
        "select count(*) from information_schema.columns "
        "where table_schema = 'raw_bronze' and table_name = 'invoices'",
    )
    assert columns == [(len(CONTRACTS["invoices"].columns) + 3,)]


def test_older_tables_become_those_of_the_contracts(warehouse, query):
    """Nothing is dropped for it: rows stay, and views on what was altered are as they were."""
    query(warehouse, OLDER)
    before = query(warehouse, VIEWS)
    assert len(before) == 2
    steps = plan(warehouse).steps
    assert {step.what for step in steps} == {
        "raw_bronze.crm_contacts",
        "raw_bronze.crm_contacts.first_name",
        "raw_bronze.customer_details.employee_count",
        "raw_bronze.invoices",
        "raw_bronze.invoices.line_items",
        "raw_bronze.platform_incidents",
        "raw_bronze.web_events.utm_source",
    }
    query(warehouse, ";".join(step.statement for step in steps))
    assert query(warehouse, VIEWS) == before
    assert query(warehouse, "select * from staging_silver.employees") == [("a", 7)]
    assert setup(warehouse).altered == []


def test_what_cannot_be_migrated_is_named_and_nothing_is_half_done(warehouse, query):
    query(
        warehouse,
        "drop table raw_bronze.platform_incidents; "
        "alter table raw_bronze.invoices rename column invoice_date to issued_on; "
        "alter table raw_bronze.invoices alter column line_items type bigint using null",
    )
    with pytest.raises(UserError) as raised:
        setup(warehouse)
    assert "raw_bronze.invoices.line_items is bigint and its contract says text" in str(
        raised.value
    )
    assert "raw_bronze.invoices.issued_on is in no contract" in str(raised.value)
    assert query(warehouse, "select to_regclass('raw_bronze.platform_incidents')") == [(None,)]


def test_a_required_column_without_a_value_is_named(warehouse, query):
    query(
        warehouse,
        "alter table raw_bronze.invoices alter column amount drop not null; "
        "insert into raw_bronze.invoices "
        "(invoice_id, account_id, invoice_date, currency, status, last_updated) "
        "values ('i', 'a', '2026-01-01', 'USD', 'paid', '2026-01-01Z')",
    )
    with pytest.raises(UserError, match=r"raw_bronze\.invoices\.amount: .*fill it in, or let"):
        setup(warehouse)


def test_a_materialized_view_on_a_widened_column_is_named(warehouse, query):
    query(
        warehouse,
        "alter table raw_bronze.support_tickets alter column reopen_count type smallint; "
        "create materialized view kept as select reopen_count from raw_bronze.support_tickets",
    )
    with pytest.raises(UserError, match=r"reopen_count of raw_bronze\.support_tickets is read by "):
        setup(warehouse)


def test_no_table_without_a_contract(module_warehouse, query):
    tables = query(
        module_warehouse,
        "select relname from pg_class where relnamespace = 'raw_bronze'::regnamespace "
        "and relkind in ('r', 'p') and not relispartition",
    )
    assert {name for (name,) in tables} == set(CONTRACTS)


def test_everything_in_ops_is_described(module_warehouse, query):
    undescribed = query(
        module_warehouse,
        "select attrelid::regclass, attname from pg_attribute join pg_class on oid = attrelid "
        "where relnamespace = 'ops'::regnamespace and relkind = 'r' and attnum > 0 "
        "and (col_description(oid, attnum) is null or obj_description(oid) is null)",
    )
    assert undescribed == []


def test_ledger_refuses_a_balance_that_does_not_close(module_warehouse, query):
    with pytest.raises(Exception, match="load_batches_balance"):
        query(
            module_warehouse,
            "insert into ops.load_batches values (1, 'x', 'f', 't', 'c', 10, 5, 4, 0, now(), "
            "now(), now())",
        )


def test_another_tool_inserts_without_partitions_and_they_can_be_made_later(warehouse, query):
    query(
        warehouse,
        f"insert into {USAGE} (request_id, account_id, event_timestamp) values "
        "('a', '1', '2026-01-31 23:59:59.999+00'), ('b', '1', '2026-02-01 00:00+00'), "
        "('c', '1', '2026-02-28 23:59+00'), ('d', '1', '2026-03-01 00:00+00')",
    )
    for expected in (True, False):
        made = query(warehouse, f"select ops.ensure_month_partition('{USAGE}', '2026-02-17')")
        assert made == [(expected,)]
    assert query(
        warehouse,
        f"select request_id, tableoid::regclass::text from {USAGE} order by request_id",
    ) == [
        ("a", f"{USAGE}_default"),
        ("b", f"{USAGE}_y2026m02"),
        ("c", f"{USAGE}_y2026m02"),
        ("d", f"{USAGE}_default"),
    ]
    indexes = query(
        warehouse, f"select count(*) from pg_index where indrelid = '{USAGE}_y2026m02'::regclass"
    )
    assert indexes == [(4,)]  # key, arrival, day, arrival of other tools


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_month_is_utc_whatever_the_session(warehouse, query, zone):
    query(
        warehouse,
        f"set timezone = '{zone}'; select ops.ensure_month_partition('{USAGE}', '2026-02-01')",
    )
    bounds = query(
        warehouse,
        f"select pg_get_expr(relpartbound, oid) from pg_class "
        f"where oid = '{USAGE}_y2026m02'::regclass",
    )
    assert bounds == [("FOR VALUES FROM ('2026-02-01 00:00:00+00') TO ('2026-03-01 00:00:00+00')",)]


def test_a_database_whose_key_holds_the_status_is_set_up_again(warehouse, query):
    """Two states of one instant that came together stay, the later stage of life as the newer."""
    query(
        warehouse,
        "alter table raw_bronze.subscriptions drop constraint subscriptions_pkey, "
        "add primary key (subscription_id, event_timestamp, status, loaded_at); "
        "insert into raw_bronze.subscriptions "
        "(subscription_id, event_timestamp, crm_account_id, status, loaded_at) values "
        "('s', '2026-01-01Z', 'a', 'trial', '2026-01-02Z'), "
        "('s', '2026-01-01Z', 'a', 'active', '2026-01-02Z')",
    )
    setup(warehouse)
    setup(warehouse)
    rows = query(warehouse, "select status from raw_bronze.subscriptions order by loaded_at")
    assert rows == [("trial",), ("active",)]
    columns = query(
        warehouse,
        "select pg_get_constraintdef(oid) from pg_constraint "
        "where conrelid = 'raw_bronze.subscriptions'::regclass and contype = 'p'",
    )
    assert columns == [("PRIMARY KEY (subscription_id, event_timestamp, loaded_at)",)]
