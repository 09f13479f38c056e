"""A dashboard as Metabase's API takes it: filters, tabs, and what stands where."""

from __future__ import annotations

from typing import Any

from o2r.dashboards.definitions import Card, Dashboard, Filter
from o2r.dashboards.layout import Place, layout
from o2r.dashboards.metabase.card import column_key

Json = dict[str, Any]
PARAMETER_TYPES = {"since": "date/single", "until": "date/single", "choice": "string/="}


def parameters(board: Dashboard, value_cards: dict[str, int]) -> list[Json]:
    """The filters. value_cards: id of the card that lists the values of a choice, by filter."""
    return [_parameter(name, one, value_cards.get(name)) for name, one in board.filters.items()]


def _parameter(name: str, one: Filter, card: int | None) -> Json:
    """A filter with a default always has a value: the cards have no number without it."""
    found: Json = {
        "id": name,
        "name": one.label,
        "slug": name,
        "type": PARAMETER_TYPES[one.kind],
        "sectionId": "string" if one.kind == "choice" else "date",
    }
    if one.kind == "choice":
        found |= {
            "isMultiSelect": False,
            "values_query_type": "list",
            "values_source_type": "card",
            "values_source_config": {
                "card_id": card,
                "value_field": ["field", VALUE, {"base-type": "type/Text"}],
            },
        }
    if one.default is not None:
        found |= {"default": [one.default], "required": True}
    return found


VALUE = "value"
"""Column of a card that lists the values of a filter."""


def values_sql(sql: str) -> str:
    """Members of a filter, each once, in order; the SQL of one column is given a known name."""
    return (
        f"select distinct {VALUE}\nfrom (\n{sql}\n) as choices ({VALUE})\n"
        f"where {VALUE} is not null\norder by {VALUE}"
    )


def content(
    board: Dashboard, cards: dict[str, int], boards: dict[str, int], current: Json
) -> tuple[list[Json], list[Json]]:
    """Dashcards and tabs. They keep the ids that they have; new ones get ids below 0.

    cards: ids of the cards by name. boards: ids of all dashboards by key.
    current: the dashboard as it is, with `dashcards` and `tabs`.
    """
    tabs = _tabs(board.tabs, current["tabs"])
    tab_ids = {tab["name"]: tab["id"] for tab in tabs}
    free = list(current["dashcards"])
    found = []
    for number, place in enumerate(layout(board), start=1):
        dashcard = _dashcard(place, cards, boards, tab_ids.get(place.tab))
        old = _same(dashcard, free)
        if old is not None:
            free.remove(old)
        found.append({"id": old["id"] if old else -number, **dashcard})
    return found, tabs


def _tabs(names: tuple[str, ...], current: list[Json]) -> list[Json]:
    """Tabs by name; a renamed one keeps the id of the first that is gone."""
    ids = {tab["name"]: tab["id"] for tab in current}
    gone = [tab["id"] for tab in current if tab["name"] not in names]
    found = []
    for number, name in enumerate(names, start=1):
        known = ids.get(name) or (gone.pop(0) if gone else -number)
        found.append({"id": known, "name": name})
    return found


def _same(wanted: Json, current: list[Json]) -> Json | None:
    """The dashcard that shows the same: the same card, or text with the same words or place."""
    if wanted["card_id"] is not None:
        alike = [one for one in current if one.get("card_id") == wanted["card_id"]]
        nearest = [
            one for one in alike if one.get("dashboard_tab_id") == wanted["dashboard_tab_id"]
        ]
        return next(iter(nearest or alike), None)
    texts = [one for one in current if one.get("card_id") is None]
    keys = ("dashboard_tab_id", "row", "col")
    for alike in (
        [one for one in texts if _words(one) == _words(wanted)],
        [one for one in texts if all(one.get(key) == wanted[key] for key in keys)],
    ):
        if alike:
            return alike[0]
    return None


def _words(dashcard: Json) -> str | None:
    return (dashcard.get("visualization_settings") or {}).get("text")


def _dashcard(place: Place, cards: dict[str, int], boards: dict[str, int], tab: int | None) -> Json:
    found: Json = {
        "card_id": None,
        "dashboard_tab_id": tab,
        "row": place.row,
        "col": place.column,
        "size_x": place.width,
        "size_y": place.height,
        "parameter_mappings": [],
        "visualization_settings": {},
    }
    if not isinstance(place.item, Card):
        return found | {"visualization_settings": _text(place.item.text.strip())}
    card, card_id = place.item, cards[place.item.name]
    return found | {
        "card_id": card_id,
        "parameter_mappings": [
            {
                "parameter_id": name,
                "card_id": card_id,
                "target": ["variable", ["template-tag", name]],
            }
            for name in card.filters
        ],
        "visualization_settings": _click(card, boards),
    }


def _text(text: str) -> Json:
    """One line that begins with # is a heading, everything else Markdown."""
    if text.startswith("#") and "\n" not in text:
        return {"virtual_card": {"display": "heading"}, "text": text.lstrip("# ")}
    return {"virtual_card": {"display": "text"}, "text": text}


def _click(card: Card, boards: dict[str, int]) -> Json:
    """Where a click leads: from a table's first column, from anywhere on another card."""
    if card.drill is None:
        return {}
    link = {
        "type": "link",
        "linkType": "dashboard",
        "targetId": boards[card.drill.dashboard],
        "parameterMapping": {
            name: {
                "id": name,
                "source": {"type": "column", "id": column, "name": column},
                "target": {"type": "parameter", "id": name},
            }
            for name, column in card.drill.filters.items()
        },
    }
    if card.display != "table":
        return {"click_behavior": link}
    first = next(iter(card.columns))
    return {"column_settings": {column_key(first): {"click_behavior": link}}}
