"""What a row must not hold though it fits its types: SQL made of a contract.

The loader keeps such rows out. Of what another tool wrote, staging leaves them out: the macro
`delivered` (dbt/macros/staging.sql) makes the same conditions.
"""

from typing import NamedTuple

from psycopg2 import sql

from o2r.contracts import Bounds, Column, Contract

NOW = "now()"
LONGEST_SHOWN = 60  # characters of a value in a reason


class Fault(NamedTuple):
    """One thing that may be wrong with a row.

    column: the column at fault, None where a check names none.
    test:   SQL boolean over the typed columns, true for a bad row.
    reason: SQL text over the same columns, for a person to read.
    """

    column: str | None
    test: str
    reason: sql.Composable


def faults(contract: Contract, loaded_at: str = "loaded_at") -> list[Fault]:
    """List what the contract forbids: sizes, then words, then checks.

    loaded_at: SQL of the instant of the load.
    """
    found = []
    for column in contract.columns:
        found += _out_of_bounds(column, column.bounds, loaded_at)
    for column in contract.columns:
        if column.words:
            normal = column.normal(f'"{column.name}"')
            words = ", ".join(f"'{word}'" for word in column.words)
            rule = f"is not one of {', '.join(column.words)}"
            test = f"{normal} not in ({words}, '')"
            if (
                column.normal_form != "raw"
            ):  # a word as it is written here needs no look at its form
                test = f'"{column.name}" not in ({words}) and {test}'
            found.append(Fault(column.name, test, _reason(column, rule)))
    names = [column.name for column in contract.columns]
    for check in contract.checks:
        named = (word for word in check.replace("(", " ").replace(")", " ").split())
        first = next((word for word in named if word in names), None)
        found.append(Fault(first, f"not ({check})", sql.Literal(f"check failed: {check}")))
    return found


def is_forbidden(contract: Contract) -> str:
    """SQL boolean over a bronze table, never null: whether the contract forbids the row."""
    tests = [f"({one.test})" for one in faults(contract)]
    return f"coalesce({' or '.join(tests)}, false)"


def _out_of_bounds(column: Column, bounds: Bounds, loaded_at: str) -> list[Fault]:
    name = f'"{column.name}"'
    limits = []
    if bounds.bytes is not None:
        rule = f"{column.name}: longer than {bounds.bytes} bytes"
        return [Fault(column.name, f"octet_length({name}) > {bounds.bytes}", sql.Literal(rule))]
    if column.data_type in ("date", "timestamp", "timestamptz"):
        if bounds.min is not None:
            day = "date" if column.data_type == "date" else column.data_type
            limits.append((f"{name} < cast('{bounds.min}' as {day})", f"is before {bounds.min}"))
        if bounds.days_after_load is not None:
            last = f"{loaded_at} + interval '{24 * bounds.days_after_load} hours'"
            if loaded_at == NOW:  # worked out once, and not for every row
                last = f"(select {last})"
            rule = f"is more than {bounds.days_after_load} days after the load"
            limits.append((f"{name} > {last}", rule))
    else:
        if bounds.min is not None:
            limits.append((f"{name} < {bounds.min}", f"is below {bounds.min}"))
        if bounds.max is not None:
            limits.append((f"{name} > {bounds.max}", f"is above {bounds.max}"))
    return [Fault(column.name, test, _reason(column, rule)) for test, rule in limits]


def _reason(column: Column, rule: str) -> sql.Composable:
    value = sql.SQL("left({}::text, {})").format(
        sql.Identifier(column.name), sql.Literal(LONGEST_SHOWN)
    )
    quote = "'" if column.data_type == "text" else ""
    return sql.SQL("concat({}, {}, {})").format(
        sql.Literal(f"{column.name}: {quote}"), value, sql.Literal(f"{quote} {rule}")
    )
