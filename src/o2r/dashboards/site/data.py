"""Rows as a page holds them: columns of exact text, each distinct word once."""

from __future__ import annotations

from typing import Any

from o2r.dashboards.definitions import Card, Filter
from o2r.dashboards.site.gold import Rows, Value


def packed(found: Rows) -> dict[str, Any]:
    """Rows by column, as values, or as places in a list of members where they repeat.

    assets/data.js unpacks it.
    """
    columns = {}
    for place, (name, kind) in enumerate(found.kinds.items()):
        values = [row[place] for row in found.rows]
        members: dict[Value, int] = {}
        codes = [members.setdefault(value, len(members)) for value in values]
        repeat = 2 * len(members) <= len(values)
        content = {"members": list(members), "codes": codes} if repeat else {"values": values}
        columns[name] = {"kind": kind, **content}
    return {"columns": columns, "count": len(found.rows)}


def narrowed(card: Card, found: Rows, filters: dict[str, Filter], chosen: dict[str, str]) -> Rows:
    """Rows that pass the filters chosen (filter -> member or day); the others pass everything.

    The same rules as in assets/data.js, and in o2r.dashboards.queries.metabase_sql.
    """
    names = list(found.kinds)
    rows = found.rows
    for name, column in card.filters.items():
        if name in chosen:
            kind, place, wanted = filters[name].kind, names.index(column), chosen[name]
            rows = [row for row in rows if _passes(kind, row[place], wanted)]
    return Rows(found.kinds, rows)


def shown_rows(card: Card, found: Rows, filters: dict[str, Filter], chosen: dict[str, str]) -> Rows:
    """Rows that a card shows, up to its limit; a choice with a default has it unless chosen."""
    defaults = {name: one.default for name, one in filters.items() if one.default}
    rows = narrowed(card, found, filters, defaults | chosen).rows
    return Rows(found.kinds, rows[: card.limit])


def _passes(kind: str, value: Value, wanted: str) -> bool:
    if value is None:
        return False
    if kind == "choice":
        return value == wanted
    limit = f"{wanted}T00:00:00" if "T" in value else wanted
    return value >= limit if kind == "since" else value <= limit
