"""SQL of a card: as written, as Metabase runs it with its filters, as the site reads it."""

from __future__ import annotations

import re
from collections.abc import Callable

from o2r.dashboards.definitions import Card, Filter

REF = re.compile(r"\{\{\s*ref\(\s*['\"](\w+)['\"]\s*\)\s*\}\}")

Resolve = Callable[[str], str]
"""Relation in the warehouse of a model's name, such as mart_gold.metric_values."""


def tables(sql: str) -> list[str]:
    """Names of the models that SQL reads, each once, in order."""
    return list(dict.fromkeys(REF.findall(sql)))


def resolved(sql: str, resolve: Resolve) -> str:
    """SQL with relations in place of {{ ref('name') }}."""
    return REF.sub(lambda found: resolve(found.group(1)), sql).strip()


def all_rows(card: Card, resolve: Resolve) -> str:
    """Every column and row of the card, in order, before filters and limit: what the site keeps."""
    return f"with card as (\n{resolved(card.sql, resolve)}\n)\n\nselect * from card\n{_order(card)}"


def any_value(card: Card, resolve: Resolve) -> str:
    """One row where the card has something to show, none where not: a table has its rows, anything
    else its values.
    """
    shown = " or ".join(f"{name} is not null" for name in card.y)
    where = "" if card.display == "table" else f" where {shown}"
    return f"select 1 from (\n{resolved(card.sql, resolve)}\n) as card{where} limit 1"


def selected(card: Card) -> list[str]:
    """Columns that Metabase gets: those that are shown, then those that only a drill needs."""
    drilled = card.drill.filters.values() if card.drill else ()
    return list(dict.fromkeys([*card.columns, *drilled]))


def is_trend(card: Card) -> bool:
    """True for a number that is the newest of a series in time."""
    return card.display == "number" and card.columns[card.x].format == "date"


def metabase_sql(card: Card, filters: dict[str, Filter], resolve: Resolve) -> str:
    """What Metabase runs: the columns of `selected`, and a condition for each filter that is set.

    A filter is a template tag of its name; a condition in [[ ]] falls away when it has no value.
    One of a filter with a default stays, so that no value is an error and never all rows. A number
    without days is the first row of the opposite order, as Metabase shows the first.
    """
    comparison = {"since": ">=", "until": "<=", "choice": "="}
    conditions = ""
    for name, column in card.filters.items():
        condition = f"and {column} {comparison[filters[name].kind]} {{{{{name}}}}}"
        optional = filters[name].default is None
        conditions += f"\n[[{condition}]]" if optional else f"\n{condition}"
    last = card.display == "number" and not is_trend(card)
    rows = 1 if last else card.limit
    return (
        f"with card as (\n{resolved(card.sql, resolve)}\n)\n\n"
        f"select {', '.join(selected(card))}\nfrom card\nwhere 1 = 1{conditions}\n"
        f"{_order(card, backwards=last)}" + (f"\nlimit {rows}" if rows else "")
    )


def _order(card: Card, *, backwards: bool = False) -> str:
    """Rows without a value come last, or first where the order is turned round."""
    return "order by " + ", ".join(
        f"{key.removeprefix('-')}{' desc' if key.startswith('-') != backwards else ''} "
        f"nulls {'first' if backwards else 'last'}"
        for key in card.order
    )
