"""A card as Metabase's API takes it: the query, and how its columns are drawn."""

from __future__ import annotations

import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from o2r.dashboards.definitions import Card, Column, Filter
from o2r.dashboards.queries import is_trend, selected

Json = dict[str, Any]
TAG_TYPES = {"since": "date", "until": "date", "choice": "text"}
DECIMALS = {"integer": 0, "decimal": 2, "currency": 0, "percent": 1}


def query(database: int, sql: str, filters: dict[str, Filter]) -> Json:
    """A native query in the form that Metabase stores (MBQL 5).

    filters: those that the SQL names as template tags.
    """
    stage: Json = {"lib/type": "mbql.stage/native", "native": sql}
    if filters:
        stage["template-tags"] = {name: _tag(name, one) for name, one in filters.items()}
    return {"lib/type": "mbql/query", "database": database, "stages": [stage]}


def sql_of(dataset_query: Json) -> str:
    """SQL of a stored query; empty if there is none."""
    stages = dataset_query.get("stages") or [{}]
    return stages[0].get("native") or ""


def _tag(name: str, one: Filter) -> Json:
    tag: Json = {
        "id": str(uuid5(NAMESPACE_URL, f"o2r:{name}")),
        "name": name,
        "display-name": one.label,
        "type": TAG_TYPES[one.kind],
    }
    if one.default is not None:
        tag |= {"default": one.default, "required": True}
    return tag


def display(card: Card) -> str:
    """Name of the visualization."""
    if card.display == "number":
        return "smartscalar" if is_trend(card) else "scalar"
    return card.display


def settings(card: Card) -> Json:
    """Visualization settings; columns that only a drill needs are hidden."""
    found: Json = {
        "column_settings": {
            column_key(name): column_settings(column) for name, column in card.columns.items()
        }
    }
    if card.display == "number":
        return found | _number(card)
    if card.display == "table":
        return found | {
            "table.pivot": False,
            "table.columns": [
                {"name": name, "enabled": name in card.columns} for name in selected(card)
            ],
        }
    return found | _chart(card)


def column_key(name: str) -> str:
    """Key of a column in `column_settings`."""
    return json.dumps(["name", name], separators=(",", ":"))


def column_settings(column: Column) -> Json:
    """Title and number format of a column; a percentage is in points of 100 already."""
    found: Json = {"column_title": column.label}
    if column.format == "date":
        return found | {"date_style": "MMMM D, YYYY", "date_abbreviate": True, "time_enabled": None}
    if column.format == "text":
        return found
    decimals = DECIMALS[column.format] if column.decimals is None else column.decimals
    found |= {"number_style": "decimal", "decimals": decimals}
    if column.format == "currency" and column.unit:
        return found | {
            "number_style": "currency",
            "currency": column.unit,
            "currency_style": "symbol",
            "currency_in_header": False,
        }
    if column.format == "percent":
        found["suffix"] = "%"
    elif column.unit:
        found["suffix"] = f" {column.unit}"
    return found


def _number(card: Card) -> Json:
    """The newest value, against the one before it and the target.

    The comparison is with the row before, and Metabase names its day beside it; the kind that
    computes the period itself fails as a whole where there is only one row.
    """
    if not is_trend(card):
        return {"scalar.field": card.y[0]}
    comparisons: list[Json] = [{"id": "previous", "type": "previousValue"}]
    if card.goal is not None:
        comparisons.append(
            {"id": "target", "type": "staticNumber", "value": card.goal, "label": "target"}
        )
    return {
        "scalar.field": card.y[0],
        "scalar.comparisons": comparisons,
        "scalar.switch_positive_negative": card.good == "down",
    }


def _chart(card: Card) -> Json:
    found: Json = {
        "graph.dimensions": [card.x, *([card.series] if card.series else [])],
        "graph.metrics": list(card.y),
        "graph.x_axis.title_text": card.columns[card.x].label,
    }
    if len(card.y) == 1:
        found["graph.y_axis.title_text"] = card.columns[card.y[0]].label
    if card.stacked or card.display == "area":  # areas are stacked unless told otherwise
        found["stackable.stack_type"] = "stacked" if card.stacked else None
    if card.display == "combo":
        found["series_settings"] = _bars_and_lines(card)
    if card.display == "scatter" and len(card.y) > 1:
        found["graph.metrics"] = [card.y[0]]
        found["scatter.bubble"] = card.y[1]
    if card.goal is not None and card.display != "scatter":
        found |= {
            "graph.show_goal": True,
            "graph.goal_value": card.goal,
            "graph.goal_label": "Target",
        }
    return found


def _bars_and_lines(card: Card) -> Json:
    """The first y as bars, the others as lines, on the right where their unit is another one."""
    first, *others = card.y
    bars = card.columns[first]
    found: Json = {first: {"display": "bar", "axis": "left"}}
    for name in others:
        line = card.columns[name]
        alike = (line.format, line.unit) == (bars.format, bars.unit)
        found[name] = {"display": "line", "axis": "left" if alike else "right"}
    return found
