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


def metabase_sql(card: Card, filters: dict[str, Filter], resolve: Resolve) -> str:
    """What Metabase runs: columns that are shown, and a condition for each filter that is set.

    A filter is a template tag of its name; a condition in [[ ]] falls away when it has no value.
    """
    comparison = {"since": ">=", "until": "<=", "choice": "="}
    conditions = "".join(
        f"\n[[and {column} {comparison[filters[name].kind]} {{{{{name}}}}}]]"
        for name, column in card.filters.items()
    )
    limit = f"\nlimit {card.limit}" if card.limit else ""
    return (
        f"with card as (\n{resolved(card.sql, resolve)}\n)\n\n"
        f"select {', '.join(card.columns)}\nfrom card\nwhere 1 = 1{conditions}\n"
        f"{_order(card)}{limit}"
    )


def _order(card: Card) -> str:
    """Rows without a value come last."""
    return "order by " + ", ".join(
        f"{key.removeprefix('-')}{' desc' if key.startswith('-') else ''} nulls last"
        for key in card.order
    )
