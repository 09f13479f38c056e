"""Bronze = silver = gold for revenue, requests, product events and tickets, kept in ops.

Bronze is counted by the SQL of dbt/audit and not by the models, so that a fault of the models
shows. It may hold rows by now that the models have not read; what they concern is left out in all
layers, see docs/decisions/0011-reconciliation.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader
from psycopg2 import Error
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from o2r.bronze.faults import is_forbidden
from o2r.builds.manifests import Manifest, relations
from o2r.contracts import SCHEMA, Contract, load_contracts
from o2r.errors import UserError
from o2r.warehouse.query import Session

CHECKS = ("requests", "events", "revenue", "tickets")
"""Each a query `dbt/audit/<check>.sql`; its columns are those of Compared after the first."""


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
    """What a run can at least have read: batches, changes, and the instant of its start."""

    batches: list[int]
    changes: list[int]
    at: datetime


def start(session: Session) -> Start:
    """Call this before dbt starts, and give it to `reconcile`."""
    [(batches, changes, at)] = session.query(
        "select array(select batch_id from ops.load_batches), array(select distinct change_number "
        "from ops.changed_days where change_number is not null), clock_timestamp()"
    )
    return Start(batches, changes, at)


def reconcile(
    session: Session,
    build_id: int,
    target: str,
    manifest: Manifest,
    since: Start,
    *,
    by_log: bool = True,
) -> list[Compared]:
    """Compare the layers that a complete run has built, and keep the result.

    build_id: of the run in ops.builds.
    manifest: dbt's, which says where the tables are.
    by_log: incremental models say in int_change_log what they have read; else all was read that was
        there at the start.
    Raises UserError when a layer differs from the others, one line with all differences, and when
    a table is missing.
    """
    names = {
        node["name"]: f'"{node["schema"]}"."{node["alias"]}"'
        for node in relations(manifest).values()
    }
    compared = _compare(session, names, since, by_log=by_log)
    contracts = load_contracts(session.settings.dbt_dir)
    with session.transaction() as cursor:
        execute_values(
            cursor,
            "insert into ops.reconciliation (build_id, target, check_name, unit, bronze, "
            "silver, gold, difference, left_out_count) values %s",
            [(build_id, target, *row) for row in compared],
        )
        left_out = {name: _left_out(cursor, contract) for name, contract in contracts.items()}
        execute_values(
            cursor,
            "insert into ops.left_out_rows (build_id, target, table_name, row_count, "
            "merged_keys) values %s",
            [(build_id, target, table, *counts) for table, counts in left_out.items()],
        )
    if wrong := [row for row in compared if row.difference]:
        raise UserError(f"bronze, silver and gold differ: {'; '.join(map(in_words, wrong))}")
    return compared


def compare_now(session: Session, target: str) -> list[Compared] | None:
    """Compare the layers of a target as they are at this moment; None before a complete run
    of this version.

    What has come to bronze since the last complete run began is left out, as `reconcile` does.
    Raises UserError when a table or view is missing.
    """
    runs = session.query(
        "select array(select batch_id from ops.load_batches where finished_at < started_at), "
        "started_at from ops.builds where target = %s "
        "and outcome = 'succeeded' and started_at is not null "
        "and build_id in (select build_id from ops.reconciliation) order by build_id desc limit 1",
        target,
    )
    tables = session.query(
        "select table_name, schema_name from ops.table_states where target = %s", target
    )
    has_log = session.query(
        "select 1 from information_schema.columns where table_name = 'int_change_log' "
        "and column_name = 'kind' and table_schema in "
        "(select schema_name from ops.table_states where target = %s)",
        target,
    )
    if not runs or not tables or not has_log:
        return None
    names = {name: f'"{schema}"."{name}"' for name, schema in tables}
    for name, schema in tables:
        if name == "int_as_of":
            staging = schema.replace("intermediate_silver", "staging_silver")
            names["stg_tickets"] = f'"{staging}"."stg_tickets"'
    [(batches, at)] = runs
    return _compare(session, names, Start(batches, [], at), by_log=True)


def _compare(
    session: Session, names: dict[str, str], since: Start, *, by_log: bool
) -> list[Compared]:
    dbt_dir = session.settings.dbt_dir
    contracts = load_contracts(dbt_dir)
    audit = Environment(loader=FileSystemLoader(dbt_dir / "audit"), autoescape=False)
    if "int_requests" in names:
        log = names["int_requests"].replace('"int_requests"', '"int_change_log"')
        names = names | {"int_change_log": log}
    audit.globals = {
        "ref": names.__getitem__,
        "is_forbidden": lambda table: is_forbidden(contracts[table]),
        "by_log": by_log,
        "batch_ids": "'{" + ", ".join(map(str, since.batches)) + "}'",
        "change_numbers": "'{" + ", ".join(map(str, since.changes)) + "}'",
        "started_at": f"'{since.at.isoformat()}'",
    }
    try:
        with session.transaction() as cursor:
            cursor.execute("set transaction isolation level repeatable read")
            rows = []
            for check in CHECKS:
                cursor.execute(audit.get_template(f"{check}.sql").render())
                rows += [Compared(check, *row) for row in cursor.fetchall()]
            return rows
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


def in_words(row: Compared) -> str:
    """Say what the layers hold: revenue in USD 10 / 10 / 9."""
    values: Sequence[Decimal] = (row.bronze, row.silver, row.gold)
    of = row.check if row.check == row.unit else f"{row.check} in {row.unit}"
    return "{} {:f} / {:f} / {:f}".format(of, *values)
