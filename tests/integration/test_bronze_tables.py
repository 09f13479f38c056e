"""The tables made by database_scripts/ are those of the contracts; partitions come as needed."""

from pathlib import Path

import pytest

from o2r.contracts import BOOKKEEPING, load_contracts
from o2r.warehouse import setup

CONTRACTS = load_contracts(Path(__file__).parents[2] / "dbt")
LONG_NAMES = {"timestamptz": "timestamp with time zone", "timestamp": "timestamp without time zone"}
USAGE = "raw_bronze.inference_user_token_usage_proprietary"


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.table)
def test_columns_types_nulls_and_comments(contract, module_warehouse, query):
    expected = [
        (c.name, LONG_NAMES.get(c.data_type, c.data_type), c.required, c.description)
        for c in contract.columns
    ] + [
        ("loaded_at", LONG_NAMES["timestamptz"], True, BOOKKEEPING["loaded_at"]),
        ("batch_id", "bigint", False, BOOKKEEPING["batch_id"]),
        ("source_file", "text", False, BOOKKEEPING["source_file"]),
    ]
    found = query(
        module_warehouse,
        "select attname, format_type(atttypid, atttypmod), attnotnull, "
        "col_description(attrelid, attnum) from pg_attribute "
        "where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
        (f"raw_bronze.{contract.table}",),
    )
    assert found == expected


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.table)
def test_key_index_and_partitioning(contract, module_warehouse, query):
    table = (f"raw_bronze.{contract.table}",)
    key = query(
        module_warehouse,
        "select a.attname from pg_index i, unnest(i.indkey) with ordinality as k (n, position) "
        "join pg_attribute a on a.attnum = k.n where a.attrelid = i.indrelid "
        "and i.indrelid = %s::regclass and i.indisprimary order by k.position",
        table,
    )
    assert tuple(name for (name,) in key) == contract.primary_key
    brin = query(
        module_warehouse,
        "select pg_get_indexdef(indexrelid) from pg_index join pg_class on oid = indexrelid "
        "join pg_am on pg_am.oid = relam where indrelid = %s::regclass and amname = 'brin'",
        table,
    )
    assert [index for (index,) in brin if "(loaded_at)" in index]
    assert len(brin) == (2 if contract.event_day else 1)
    strategy = query(module_warehouse, "select pg_get_partkeydef(%s::regclass)", table)[0][0]
    column = contract.partition_column
    assert strategy == (f"RANGE ({column})" if column else None)
    comment = query(module_warehouse, "select obj_description(%s::regclass)", table)[0][0]
    assert comment == contract.description


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
