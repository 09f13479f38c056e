"""A dashboard as a page: what the template draws, and the data that the page's scripts read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

from o2r.dashboards.definitions import Card, Dashboard, Definitions, Filter
from o2r.dashboards.layout import size
from o2r.dashboards.site.charts import Spec, spec
from o2r.dashboards.site.data import narrowed, packed
from o2r.dashboards.site.gold import Gold, Rows, exact_text
from o2r.dashboards.site.theme import in_page

PIXELS = 46
"""Height of a row of the grid."""

Page = dict[str, Any]


def markdown(text: str) -> Markup:
    """HTML of Markdown with tables; HTML inside of it is shown as text."""
    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))


def board_page(
    board: Dashboard,
    gold: Gold,
    definitions: Definitions,
    metrics: Iterable[str],
    *,
    root: str = "../",
    chosen: dict[str, str] | None = None,
) -> Page:
    """Filters, tabs and items of a dashboard, and under `data` what its scripts read.

    metrics: keys of the catalogue that have a page.
    root: address of the site's folder, seen from the page; empty: the page stands alone.
    chosen: filter -> value: what does not pass is not on the page, nor is the filter.
    """
    chosen = chosen or {}
    filters = {
        name: _filter(name, one, gold) for name, one in board.filters.items() if name not in chosen
    }
    tables: dict[str, Any] = {}
    cards, items = [], []
    for place, item in enumerate(board.items, start=1):
        width, height = size(item)
        if not isinstance(item, Card):
            items.append({"tab": item.tab, "width": width, "html": markdown(item.text)})
            continue
        found = narrowed(item, gold.card(item, board.name), board.filters, chosen)
        if gold.is_blank(item, found):
            found = found._replace(rows=[])
        table, mirrored = table_id(found), table_id(found._replace(rows=found.rows[::-1]))
        if table not in tables:
            tables[table] = {"reversed": mirrored} if mirrored in tables else packed(found)
        page = f"metrics/{item.metric}.html" if item.metric in metrics and root else None
        items.append({
            "tab": item.tab, "width": width, "id": f"card-{place}", "name": item.name,
            "question": item.question, "display": item.display, "metric_page": page,
        })  # fmt: skip
        chart = spec(item, in_page, found)
        card = _card(item, f"card-{place}", table, chart, height, definitions, root)
        if not found.rows:
            card["empty"] = gold.empty_because(item)
        kept = {name: column for name, column in item.filters.items() if name in filters}
        cards.append(card | {"filters": kept})
    return {
        "filters": filters,
        "tabs": [
            {"name": tab, "parts": [one for one in items if one["tab"] == tab]}
            for tab in board.tabs
        ],
        "parts": items,
        "data": {
            "tables": tables,
            "filters": {
                name: {key: one[key] for key in ("label", "kind", "default")}
                for name, one in filters.items()
            },
            "cards": cards,
        },
    }


def table_id(found: Rows) -> str:
    """Name of rows by their content, so that cards of one query share them."""
    return "t" + hashlib.sha256(repr(found).encode()).hexdigest()[:12]


def _filter(name: str, one: Filter, gold: Gold) -> Page:
    members = gold.members(name, one) if one.kind == "choice" else []
    return {"label": one.label, "kind": one.kind, "default": one.default, "members": members}


def _card(
    card: Card,
    key: str,
    table: str,
    chart: Spec | None,
    height: int,
    definitions: Definitions,
    root: str,
) -> Page:
    drill = None
    if card.drill and root:
        target = definitions.dashboards[card.drill.dashboard]
        drill = {
            "href": f"{root}dashboards/{target.key}.html",
            "filters": card.drill.filters,
            "days": [n for n in card.drill.filters if target.filters[n].kind != "choice"],
        }
    return {
        "id": key,
        "table": table,
        "name": card.name,
        "question": " ".join(card.question.split()),
        "display": card.display,
        "columns": {name: one.model_dump() for name, one in card.columns.items()},
        "x": card.x,
        "y": card.y,
        "limit": card.limit,
        "target": exact_text(card.goal),
        "good": card.good,
        "drill": drill,
        "empty": card.empty,
        "spec": chart,
        "pixels": height * PIXELS,
    }


def slug(name: str) -> str:
    """A name as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].strip("-")
