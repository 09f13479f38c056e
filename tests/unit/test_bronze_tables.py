"""From contracts and the tables of a database to statements: what is made, altered, refused."""

from dataclasses import replace

import pytest

from o2r.contracts import BOOKKEEPING, Column, Contract
from o2r.warehouse.bronze_tables import FULL_NAMES, FoundColumn, FoundTable, plan, widens

CONTRACT = Contract(
    source="crm",
    table="calls",
    description="Calls of customers.",
    columns=(
        Column("call_id", "text", "Call.", required=True),
        Column("user", "integer", "Who called."),
        Column("called_at", "timestamptz", "It's the instant.", required=True),
    ),
    business_key=("call_id",),
    checks=(),
    partition_column="called_at",
    event_column="called_at",
)
FOUND = FoundTable(
    {
        column.name: FoundColumn(
            FULL_NAMES.get(column.data_type, column.data_type), column.required, column.description
        )
        for column in (*CONTRACT.columns, *BOOKKEEPING)
    },
    ("call_id", "loaded_at", "called_at"),
    "called_at",
    frozenset({"calls_pkey", "calls_loaded_at", "calls_foreign", "calls_event_day"}),
    "Calls of customers.",
)


def found(**columns: FoundColumn | None) -> dict[str, FoundTable]:
    """The table with some columns as given; None: without the column."""
    changed = {**FOUND.columns, **columns}
    return {"calls": replace(FOUND, columns={k: v for k, v in changed.items() if v})}


def statements(tables: dict[str, FoundTable], contract: Contract = CONTRACT) -> list[str]:
    made = plan([contract], tables)
    assert made.refused == ()
    return [step.statement for step in made.steps]


def test_a_missing_table_is_made_whole():
    making, default, *rest = statements({})
    assert making.split("\n") == [
        "create table raw_bronze.calls (",
        '    "call_id" text not null,',
        '    "user" integer,',
        '    "called_at" timestamp with time zone not null,',
        '    "loaded_at" timestamp with time zone not null default now(),',
        '    "batch_id" bigint,',
        '    "source_file" text,',
        '    primary key ("call_id", "loaded_at", "called_at")',
        ') partition by range ("called_at")',
    ]
    assert default == (
        "create table raw_bronze.calls_default partition of raw_bronze.calls default"
    )
    assert [line.split(" on ")[0] for line in rest] == [
        'create index "calls_loaded_at"',
        'create index "calls_foreign"',
        'create index "calls_event_day"',
        "comment",
    ] + ["comment"] * 6
    assert "comment on column raw_bronze.calls.\"called_at\" is 'It''s the instant.'" in rest


def test_a_table_as_its_contract_says_is_left_alone():
    assert statements({"calls": FOUND, "of_no_contract": replace(FOUND, primary_key=())}) == []
    assert statements(found(_airbyte_raw_id=FoundColumn("text", True, None))) == []


@pytest.mark.parametrize(
    ("column", "statement"),
    [
        (None, 'alter table raw_bronze.calls add column "user" integer'),
        (
            FoundColumn("smallint", False, "Who called."),
            "select ops.widen_column('raw_bronze.calls', 'user', 'integer')",
        ),
        (
            FoundColumn("integer", True, "Who called."),
            'alter table raw_bronze.calls alter column "user" drop not null',
        ),
        (
            FoundColumn("integer", False, None),
            "comment on column raw_bronze.calls.\"user\" is 'Who called.'",
        ),
    ],
)
def test_a_column_that_differs_is_altered(column, statement):
    assert statements(found(user=column))[0] == statement


def test_what_a_contract_requires_from_now_on_is_altered_too():
    assert statements(found(called_at=FoundColumn(FULL_NAMES["timestamptz"], False, "")))[0] == (
        'alter table raw_bronze.calls alter column "called_at" set not null'
    )


@pytest.mark.parametrize(
    ("tables", "line"),
    [
        (
            found(user=FoundColumn("bigint", False, "")),
            "raw_bronze.calls.user is bigint and its contract says integer",
        ),
        (
            found(user=FoundColumn("text", False, "")),
            "raw_bronze.calls.user is text and its contract says integer",
        ),
        (
            found(user=None, caller=FoundColumn("text", False, "")),
            "raw_bronze.calls.caller is in no contract, and the table lacks user",
        ),
        (
            {"calls": replace(FOUND, primary_key=("call_id", "user", "loaded_at"))},
            "raw_bronze.calls has the key (call_id, user, loaded_at) and its contract "
            "(call_id, loaded_at, called_at)",
        ),
        (
            {"calls": replace(FOUND, partition_column=None)},
            "raw_bronze.calls is cut into months by nothing and its contract says called_at",
        ),
    ],
)
def test_what_could_lose_something_is_refused_by_name(tables, line):
    [refusal] = plan([CONTRACT], tables).refused
    assert refusal.startswith(f"{line}")
    assert ": " in refusal, "it says what to do"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("integer", "bigint", True),
        ("bigint", "integer", False),
        ("character varying(20)", "text", True),
        ("text", "numeric(18,6)", False),
        ("numeric(18,6)", "numeric(20,6)", True),
        ("numeric(18,6)", "numeric(20,8)", True),
        ("numeric(18,6)", "numeric(18,8)", False),  # two digits fewer before the point
        ("numeric(18,6)", "numeric(20,2)", False),
        ("numeric", "numeric(18,6)", False),
        ("integer", "numeric(18,6)", True),
        ("bigint", "numeric(18,6)", False),
        ("date", "timestamptz", False),
        ("boolean", "integer", False),
    ],
)
def test_wider_types_hold_every_value_of_the_narrower(old, new, expected):
    assert widens(old, new) is expected
