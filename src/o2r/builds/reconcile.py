"""Bronze = silver = gold for revenue, requests, product events and tickets, kept in ops.

Bronze is counted by the SQL below and not by the models, so that a fault of the models shows. It
may hold rows by now that the models have not read; what they concern is left out in all layers, see
docs/decisions/0011-reconciliation.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg2 import Error
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from o2r.bronze.faults import is_forbidden
from o2r.builds.manifests import Manifest, relations
from o2r.contracts import SCHEMA, Contract, load_contracts
from o2r.errors import UserError
from o2r.warehouse.query import Session

EVENT_DAY = "cast(timezone('UTC', event_timestamp) as date)"
FEEDS = ("inference_user_token_usage_open_source", "inference_user_token_usage_proprietary")
FEATURE_USE = "(event_type = 'feature_used' and coalesce(feature_name, '') not in ('', 'Unknown'))"
SKU, VARIANT, REGION = (
    f"coalesce(nullif(trim({name}), ''), 'Unknown')"
    for name in ("product_sku", "model_variant", "region")
)
AMOUNTS = (
    *(f"gross_revenue_{part}" for part in ("input_tokens", "output_tokens")),
    *(f"gross_revenue_{part}" for part in ("cache_read_tokens", "cache_write_tokens")),
    *("savings_plan_amount", "discount_amount"),
)
NET = " ".join(
    f"{'-' if name.endswith('amount') else '+'} cast(coalesce({name}, 0) as numeric(18, 6))"
    for name in AMOUNTS
)

# Rows of a table with the stamp that orders the versions of a key: one later than its own delivery
# counts as written at the delivery, and not at all once something else has been delivered.
BELIEVED = """(
    select *,
        case
            when {stamp} <= loaded_at then {stamp}
            when loaded_at > coalesce(
                max(loaded_at) filter (where {stamp} <= loaded_at) over (partition by {key}),
                '-infinity'
            ) then loaded_at
        end as believed_at
    from raw_bronze.{table}
    where not {forbidden}
) versions"""
REVENUE_KEY = (
    f"trim(account_id), {SKU}, {VARIANT}, lower(trim(inference_scope)), {REGION}, "
    "lower(trim(billing_type)), upper(trim(currency_code)), revenue_date"
)

# Days of `model` of which bronze holds rows, updates or erasures that it has not taken in. A new
# row may take a key away from another day: the days of all versions of its key are open.
OPEN_DAYS = """
    select changes.event_date as item
    from ops.changed_days changes
    where changes.table_name = '{table}' and not exists (
        select from {log} taken
        where taken.model = '{model}' and taken.table_name = changes.table_name
            and taken.change = changes.change and taken.event_date = changes.event_date
    )
    union
    select {day}
    from raw_bronze.{table}
    where {key} in (
        select {key}
        from raw_bronze.{table}
        where batch_id is not null and batch_id not in (
            select cast(substring(change from 7) as bigint)
            from {log}
            where model = '{model}' and table_name = '{table}' and change like 'batch %%'
        )
        or batch_id is null and loaded_at > coalesce((
            select max(timezone('UTC', cast(
                substring(change from '^arrivals of ([^,]+),') || ':'
                || substring(change from ' to (.*)$') as timestamp
            )))
            from {log}
            where model = '{model}' and table_name = '{table}' and change like 'arrivals of %%'
        ), '-infinity')
    )
"""
# Each check: what is open, and the value of each layer by unit, day and item; an item that is open
# is left out.
REQUESTS = """
open as ({open_days}),
bronze as (
    select 'requests' as unit, day, day as item, 1 as value
    from (
        select day, row_number() over (
            partition by feed, request_id order by loaded_at desc, event_timestamp desc
        ) as rank
        from (
            select 1 as feed, request_id, loaded_at, event_timestamp, {day} as day
            from raw_bronze.{FEEDS[0]}
            where not {forbidden[0]}
            union all
            select 2, request_id, loaded_at, event_timestamp, {day}
            from raw_bronze.{FEEDS[1]}
            where not {forbidden[1]}
        ) versions
    ) ranked
    where rank = 1
),
silver as (
    select 'requests' as unit, requested_date as day, requested_date as item, 1 as value
    from {int_requests}
),
gold as (
    select 'requests' as unit, usage_date as day, usage_date as item, request_count as value
    from {fct_usage_daily}
)
"""
# Of product events gold counts the uses of a known feature; the last table that counts the others
# is one of silver.
EVENTS = """
open as ({open_days}),
bronze as (
    select case when {is_use} then 'feature uses' else 'other events' end as unit,
        day, day as item, 1 as value
    from (
        select lower(trim(event_type)) as event_type, trim(feature_name) as feature_name,
            {day} as day, row_number() over (
                partition by event_id order by loaded_at desc, event_timestamp desc
            ) as rank
        from raw_bronze.product_usage_events
        where not {forbidden}
    ) ranked
    where rank = 1
),
silver as (
    select case when {is_use} then 'feature uses' else 'other events' end as unit,
        occurred_date as day, occurred_date as item, 1 as value
    from {int_product_events}
),
gold as (
    select 'feature uses' as unit, usage_date as day, usage_date as item, event_count as value
    from {fct_feature_usage_daily}
    union all
    select 'other events', usage_date, usage_date, event_count
    from {int_product_usage_daily}
    where not {is_use}
)
"""
REVENUE = """
open as ({open_days}),
bronze as (
    select unit, day, day as item, value
    from (
        select upper(trim(currency_code)) as unit, revenue_date as day, {net} as value,
            row_number() over (
                partition by {key}
                order by believed_at desc nulls last, loaded_at desc, {amounts}
            ) as rank
        from {versions}
    ) ranked
    where rank = 1
),
silver as (
    select currency_code as unit, revenue_date as day, revenue_date as item, net_revenue as value
    from {int_revenue_daily}
),
gold as (
    select currency_code as unit, revenue_date as day, revenue_date as item,
        net_revenue_in_currency as value
    from {fct_revenue_daily}
)
"""
TICKETS = """
open as (
    select distinct trim(ticket_id) as item
    from raw_bronze.support_tickets
    where batch_id <> all(%(batches)s) or batch_id is null and loaded_at >= %(started_at)s
),
bronze as (
    select 'tickets' as unit, cast(timezone('UTC', created_at) as date) as day, item, 1 as value
    from (
        select created_at, trim(ticket_id) as item, row_number() over (
            partition by trim(ticket_id)
            order by believed_at desc nulls last, loaded_at desc, account_id desc, created_at desc
        ) as rank
        from {versions}
    ) ranked
    where rank = 1
),
silver as (
    select 'tickets' as unit, created_date as day, ticket_id as item, 1 as value
    from {stg_tickets}
),
gold as (
    select 'tickets' as unit, created_date as day, ticket_id as item, 1 as value
    from {fct_tickets}
)
"""
COMPARED = """
with {layers},
as_of as (select max(as_of_date) as last_day from {int_as_of}),
parts as (
    select unit, day, item, value as bronze, 0 as silver, 0 as gold from bronze
    union all select unit, day, item, 0, value, 0 from silver
    union all select unit, day, item, 0, 0, value from gold
),
days as (
    select parts.unit, parts.day, sum(parts.bronze) as bronze, sum(parts.silver) as silver,
        sum(parts.gold) as gold
    from parts
    inner join as_of on parts.day <= as_of.last_day
    where not exists (select from open where open.item = parts.item)
    group by parts.unit, parts.day
)
select unit, sum(bronze), sum(silver), sum(gold),
    sum(greatest(bronze, silver, gold) - least(bronze, silver, gold)),
    (select count(distinct item) from open)
from days
group by unit
order by unit
"""


class Compared(NamedTuple):
    """What the layers hold of one unit; see ops.reconciliation."""

    check: str
    unit: str
    bronze: Decimal
    silver: Decimal
    gold: Decimal
    difference: Decimal
    left_out_count: int


class Start(NamedTuple):
    """What a run can at least have read: the batches of tickets, and the instant of its start."""

    batches: list[int]
    at: datetime


def start(session: Session) -> Start:
    """Call this before dbt starts, and give it to `reconcile`."""
    [(batches, at)] = session.query(
        "select coalesce(array_agg(batch_id), '{}'), clock_timestamp() from ops.load_batches "
        "where table_name = 'support_tickets'",
    )
    return Start(batches, at)


def reconcile(
    session: Session, build_id: int, target: str, manifest: Manifest, since: Start
) -> list[Compared]:
    """Compare the layers that a complete run has built, and keep the result.

    build_id: of the run in ops.builds.
    manifest: dbt's, which says where the tables are.
    Raises UserError when a layer differs from the others, one line with all differences, and when
    a table is missing.
    """
    names = {
        node["name"]: f'"{node["schema"]}"."{node["alias"]}"'
        for node in relations(manifest).values()
    }
    found = _compare(session, names, since)
    contracts = load_contracts(session.settings.dbt_dir)
    with session.transaction() as cursor:
        execute_values(
            cursor,
            "insert into ops.reconciliation (build_id, target, check_name, unit, bronze, "
            "silver, gold, difference, left_out_count) values %s",
            [(build_id, target, *row) for row in found],
        )
        aside = {table: _left_out(cursor, one) for table, one in contracts.items()}
        execute_values(
            cursor,
            "insert into ops.left_out_rows (build_id, target, table_name, row_count, "
            "merged_keys) values %s",
            [(build_id, target, table, *counted) for table, counted in aside.items()],
        )
    if wrong := [row for row in found if row.difference]:
        raise UserError(f"bronze, silver and gold differ: {'; '.join(map(in_words, wrong))}")
    return found


def compare_now(session: Session, target: str) -> list[Compared] | None:
    """Compare the layers of a target as they are at this moment; None before a complete run.

    What has come to bronze since the last complete run began is left out, as `reconcile` does.
    Raises UserError when a table or view is missing.
    """
    runs = session.query(
        "select started_at, array(select batch_id from ops.load_batches where table_name = "
        "'support_tickets' and finished_at < started_at) from ops.builds where target = %s "
        "and outcome = 'succeeded' and started_at is not null "
        "and build_id in (select build_id from ops.reconciliation) order by build_id desc limit 1",
        target,
    )
    tables = session.query(
        "select table_name, schema_name from ops.table_states where target = %s", target
    )
    if not runs or not tables:
        return None
    names = {name: f'"{schema}"."{name}"' for name, schema in tables}
    for name, schema in tables:
        if name == "int_as_of":
            staging = schema.replace("intermediate_silver", "staging_silver")
            names["stg_tickets"] = f'"{staging}"."stg_tickets"'
    [(at, batches)] = runs
    return _compare(session, names, Start(batches, at))


def _compare(session: Session, names: dict[str, str], since: Start) -> list[Compared]:
    contracts = load_contracts(session.settings.dbt_dir)
    try:
        with session.transaction() as cursor:
            cursor.execute("set transaction isolation level repeatable read")
            found = []
            for check, statement in _statements(names, contracts).items():
                cursor.execute(statement, since._asdict() | {"started_at": since.at})
                found += [Compared(check, *row) for row in cursor.fetchall()]
            return found
    except KeyError as error:
        raise UserError(f"layers cannot be compared: the project has no model {error}") from None
    except Error as error:
        raise UserError(f"layers cannot be compared: {error}") from None


def _left_out(cursor: Cursor, contract: Contract) -> tuple[int, int]:
    """Rows of a bronze table that staging leaves out, and keys that another spelling stands for."""
    texts = {one.name: one.normal(f'"{one.name}"') for one in contract.columns}
    normal = [texts[name] for name in contract.business_key]
    raw = [f'"{name}"' for name in contract.business_key]
    respelt = [f"{one} <> {other}" for one, other in zip(raw, normal, strict=True) if one != other]
    cursor.execute(
        f"select count(*) filter (where {is_forbidden(contract)}), "
        f"count(*) filter (where {' or '.join(respelt) or 'false'}) "
        f"from {SCHEMA}.{contract.table}"
    )
    forbidden, odd = cursor.fetchone()
    if not odd:
        return forbidden, 0
    cursor.execute(
        f"select count(*) - count(distinct ({', '.join(normal)})) from "
        f"(select distinct {', '.join(raw)} from {SCHEMA}.{contract.table}) as keys"
    )
    return forbidden, cursor.fetchone()[0]


def _statements(names: dict[str, str], contracts: dict[str, Contract]) -> dict[str, str]:
    """The query of each check; names: the table of each model, with its schema, quoted."""
    log = names["int_requests"].replace('"int_requests"', '"int_change_log"')

    def open_days(model: str, table: str, day: str, key: str) -> str:
        return OPEN_DAYS.format(log=log, model=model, table=table, day=day, key=key)

    def versions(table: str, stamp: str, key: str) -> str:
        forbidden = is_forbidden(contracts[table])
        return BELIEVED.format(table=table, stamp=stamp, key=key, forbidden=forbidden)

    revenue = open_days(
        "int_revenue_daily", "revenue_account_daily", "revenue_date", "revenue_date"
    )
    feeds = [open_days("int_requests", feed, EVENT_DAY, "request_id") for feed in FEEDS]
    events = open_days("int_product_events", "product_usage_events", EVENT_DAY, "event_id")
    amounts = ", ".join(f"coalesce({name}, 0) desc" for name in AMOUNTS)
    layers = {
        "requests": REQUESTS.format(
            open_days=" union ".join(feeds),
            FEEDS=FEEDS,
            day=EVENT_DAY,
            forbidden=[is_forbidden(contracts[feed]) for feed in FEEDS],
            **names,
        ),
        "events": EVENTS.format(
            open_days=events,
            day=EVENT_DAY,
            is_use=FEATURE_USE,
            forbidden=is_forbidden(contracts["product_usage_events"]),
            **names,
        ),
        "revenue": REVENUE.format(
            open_days=revenue,
            net=NET,
            key=REVENUE_KEY,
            versions=versions(
                "revenue_account_daily",
                "timezone('UTC', cast(snapshot_date as timestamp))",
                REVENUE_KEY,
            ),
            amounts=amounts,
            **names,
        ),
        "tickets": TICKETS.format(
            versions=versions("support_tickets", "last_updated", "trim(ticket_id)"), **names
        ),
    }
    return {
        check: COMPARED.format(layers=text, int_as_of=names["int_as_of"])
        for check, text in layers.items()
    }


def in_words(row: Compared) -> str:
    """Say what the layers hold: revenue in USD 10 / 10 / 9."""
    values: Sequence[Decimal] = (row.bronze, row.silver, row.gold)
    of = row.check if row.check == row.unit else f"{row.check} in {row.unit}"
    return "{} {:f} / {:f} / {:f}".format(of, *values)
