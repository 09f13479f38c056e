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


def shown_rows(
    card: Card, found: Rows, filters: dict[str, Filter], chosen: dict[str, str]
) -> Rows:
    """Rows that stay with the filters chosen, up to the card's limit; order as it is.

    chosen: filter -> member or day; a choice with a default has it unless chosen otherwise.
    The same rules as in assets/data.js, and in o2r.dashboards.queries.metabase_sql.
    """
    names = list(found.kinds)
    rows = found.rows
    for name, column in card.filters.items():
        wanted = chosen.get(name) or filters[name].default
        if wanted:
            place = names.index(column)
            rows = [row for row in rows if _passes(filters[name].kind, row[place], wanted)]
    return Rows(found.kinds, rows[: card.limit])


def _passes(kind: str, value: Value, wanted: str) -> bool:
    if value is None:
        return False
    if kind == "choice":
        return value == wanted
    limit = f"{wanted}T00:00:00" if "T" in value else wanted
    return value >= limit if kind == "since" else value <= limit
