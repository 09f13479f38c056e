"""Vega-Lite charts of cards, without their data, and the data that they take.

A row has the fields c0, c1, ... by the place of the column on the card, days as milliseconds since
1970 UTC, numbers as numbers, and x_from and x_to, between which a bar that stands on a day lies.
assets/chart.js makes the same rows in the page, and fits charts to them as `fitted` does.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from o2r.dashboards.definitions import Card, Column
from o2r.dashboards.site.gold import Rows, Value
from o2r.dashboards.site.theme import FONT, SERIES, Colour, in_page, vega_config

Spec = dict[str, Any]
MISSING = "no value"
NUMERIC = ("integer", "decimal", "currency", "percent")
SHORT = (
    "abs(datum.value) >= 1000 ? replace(format(datum.value, '~s'), 'G', 'B') "
    ": format(datum.value, ',~f')"
)
"""Numbers on an axis: 250, 1.5k, 2M, 3B."""
DAY_LABELS = (
    "[utcFormat(datum.value, '%-d %b'), datum.index == 0 || utcdayofyear(datum.value) < 8 "
    "? utcFormat(datum.value, '%Y') : '']"
)
MONTH_LABELS = "[utcFormat(datum.value, '%b'), utcFormat(datum.value, '%Y')]"
"""Days on an axis: those that the rows have, never the Sundays that a calendar would choose."""
LABEL_WIDTH = 70
ABOVE = 12
"""Pixels above a chart at which the title of its axis stands, and the words of the target."""
MOST_POINTS = 60
"""Periods up to which each is marked by a point on its line."""


def spec(card: Card, colour: Colour, found: Rows) -> Spec | None:
    """The chart of a card, without its config; None for numbers and tables, which are none.

    found: all rows of the card, so that a member of the series keeps its colour whatever is chosen.
    """
    if card.display in ("number", "table"):
        return None
    chart = {
        "line": _lines,
        "area": _areas,
        "bar": _bars,
        "row": _rows,
        "combo": _combo,
        "scatter": _scatter,
    }[card.display](card, colour)
    members = _members(card, found)
    for layer in _layers(chart):
        if members and "color" in layer["encoding"]:
            range_ = [colour(one) for one in SERIES[: len(members)]]
            layer["encoding"]["color"]["scale"] = {"domain": members, "range": range_}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "autosize": {"type": "fit", "contains": "padding"},
        "data": {"name": "rows"},
        **chart,
    }


def script() -> str:
    """What the pages' scripts have in common with this module: config, labels of days."""
    config = json.dumps(vega_config(in_page, FONT), separators=(",", ":"))
    labels = json.dumps({"day": DAY_LABELS, "month": MONTH_LABELS})
    return f'"use strict";\no2r.chartConfig = {config};\no2r.chartLabels = {labels};\n'


def chart_rows(card: Card, found: Rows) -> list[dict[str, Any]]:
    """Rows as the chart takes them; found: those that are shown."""
    names = list(found.kinds)
    columns = [(f"c{n}", names.index(name)) for n, name in enumerate(card.columns)]
    rows = [
        {field: _charted(row[place], found.kinds[names[place]]) for field, place in columns}
        for row in found.rows
    ]
    if card.x and found.kinds[card.x] == "date":
        field = _field(card, card.x)
        days = _days(card, rows)
        step = min((later - day for day, later in pairwise(days)), default=86_400_000)
        for row in rows:
            day = row[field]
            row["x_from"] = None if day is None else day - step / 2
            row["x_to"] = None if day is None else day + step / 2
    return rows


def fitted(chart: Spec, card: Card, rows: list[dict[str, Any]], colour: Colour, width: int) -> Spec:
    """The chart with what depends on its rows: labels of days, points, and whether colours do.

    rows: of `chart_rows`. width: pixels.
    """
    is_day = card.columns[card.x].format == "date"
    days = _days(card, rows) if is_day else []
    every = -(-len(days) // max(1, width // LABEL_WIDTH)) or 1
    monthly = all(datetime.fromtimestamp(day / 1000, UTC).day == 1 for day in days)
    labels = {"values": days[::-1][::every], "labelExpr": MONTH_LABELS if monthly else DAY_LABELS}
    names = [row[_field(card, card.x)] for row in rows]
    members = sorted({row[_field(card, card.series)] for row in rows}) if card.series else []
    for layer in _layers(chart):
        encoding, mark = layer["encoding"], layer["mark"]
        if is_day and "axis" in encoding.get("x", {}):
            encoding["x"]["axis"] |= labels
        if len(days) > MOST_POINTS:
            mark.pop("point", None)
        if len(set(names)) == len(names):
            encoding.pop("yOffset", None)
        if len(members) > len(SERIES) and "color" in encoding:
            encoding["color"] |= {"scale": {"range": [colour("muted")]}, "legend": None}
        elif members and "color" in encoding:
            encoding["color"]["legend"] = {"values": members}
    return chart


def _members(card: Card, found: Rows) -> list[str]:
    """Members of the series in alphabetical order; none when there are more than colours."""
    if not card.series:
        return []
    place = list(found.kinds).index(card.series)
    members = sorted({MISSING if row[place] is None else row[place] for row in found.rows})
    return members if len(members) <= len(SERIES) else []


def _layers(chart: Spec) -> list[Spec]:
    if "layer" not in chart:
        return [chart]
    return [one for layer in chart["layer"] for one in _layers(layer)]


def _days(card: Card, rows: list[dict[str, Any]]) -> list[int]:
    field = _field(card, card.x)
    return sorted({row[field] for row in rows if row[field] is not None})


def target_label(card: Card) -> str:
    """Words beside the line of the target."""
    column = card.columns[card.y[0]]
    number = f"{card.goal:,.6f}".rstrip("0").rstrip(".")
    unit = "%" if column.format == "percent" else column.unit or ""
    return f"Target {number} {unit}".strip()


def _charted(value: Value, kind: str) -> float | int | str | None:
    if value is None:
        return MISSING if kind == "text" else None
    if kind == "number":
        return float(value)
    if kind == "date":
        return int(datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp() * 1000)
    return value


def _lines(card: Card, colour: Colour) -> Spec:
    mark = {"type": "line", "point": {"size": 26}, "interpolate": "linear"}
    return _with_target(card, colour, {"mark": mark, "encoding": _xy(card, colour)})


def _areas(card: Card, colour: Colour) -> Spec:
    stacked = card.stacked and _coloured(card)
    encoding = _xy(card, colour, zero=True)
    encoding["y"]["stack"] = "zero" if stacked else None
    mark = {"type": "area", "opacity": 0.85 if stacked else 0.25, "line": not stacked}
    return _with_target(card, colour, {"mark": mark, "encoding": encoding})


def _bars(card: Card, colour: Colour) -> Spec:
    grouped = _coloured(card) and not card.stacked
    encoding = _xy(card, colour, zero=True, discrete=grouped)
    encoding["y"]["stack"] = None if grouped else "zero"
    mark: Spec = {"type": "bar"}
    if grouped:
        encoding["xOffset"] = {"field": encoding["color"]["field"], "sort": None}
    elif encoding["x"]["type"] == "temporal":
        encoding["x"]["field"], encoding["x2"] = "x_from", {"field": "x_to"}
        mark |= {"orient": "vertical", "xOffset": 1, "x2Offset": -1}
    return _with_target(card, colour, {"mark": mark, "encoding": encoding})


def _rows(card: Card, colour: Colour) -> Spec:
    encoding = _xy(card, colour, zero=True, discrete=True)
    names, values = encoding["x"], encoding["y"]
    names["axis"] |= {"labelAngle": 0, "grid": False, "domain": False, "ticks": False}
    values["axis"] |= {"titleAngle": 0, "grid": True, "tickCount": 5}
    for key in ("titleX", "titleY", "titleAlign", "titleAnchor"):
        values["axis"].pop(key, None)
    values["stack"] = "zero" if card.stacked else None
    encoding |= {"x": values, "y": names}
    if _coloured(card) and not card.stacked:
        encoding["yOffset"] = {"field": encoding["color"]["field"], "sort": None}
    layer = {"mark": {"type": "bar", "height": {"band": 0.72}}, "encoding": encoding}
    if "yOffset" in encoding:
        layer["mark"].pop("height")
    return _with_target(card, colour, layer, axis="x")


def _combo(card: Card, colour: Colour) -> Spec:
    """The first y as bars, the others as lines, on the right where their unit is another one."""
    x = _x(card)
    bars: Spec = {"type": "bar"}
    spans: Spec = {"x": _x(card)}
    if x["type"] == "temporal":
        spans = {"x": x | {"field": "x_from"}, "x2": {"field": "x_to"}}
        bars |= {"orient": "vertical", "xOffset": 1, "x2Offset": -1}
    first, *others = card.y
    left = _y(card, first, zero=True)
    layers = [_with_target(card, colour, {"mark": bars, "encoding": {
        **spans, "y": left, "color": _fixed(card, first, colour)}})]  # fmt: skip
    kinds = {(card.columns[name].format, card.columns[name].unit) for name in card.y}
    shared = len(kinds) == 1
    lines = []
    for name in others:
        right = _y(card, name, zero=False)
        if not shared:
            right["axis"] |= {"orient": "right", "grid": False, "titleAlign": "right"}
        lines.append({"mark": {"type": "line", "point": {"size": 26}}, "encoding": {
            "x": x, "y": right, "color": _fixed(card, name, colour)}})  # fmt: skip
    layers.append({"layer": lines})
    found: Spec = {"layer": layers}
    if not shared:
        found["resolve"] = {"scale": {"y": "independent"}}
    return found


def _scatter(card: Card, colour: Colour) -> Spec:
    """The first y against x; a second one is the size of the dots."""
    one = card.model_copy(update={"y": card.y[:1]})
    encoding = _xy(one, colour)
    encoding["y"]["scale"]["zero"] = False
    if encoding["x"]["type"] == "quantitative":
        encoding["x"]["scale"] = {"zero": False, "nice": True}
    if len(card.y) > 1:
        size = card.columns[card.y[1]]
        encoding["size"] = {"field": _field(card, card.y[1]), "type": "quantitative",
                            "title": _named(size)}  # fmt: skip
    mark = {"type": "point", "opacity": 0.75} | ({} if len(card.y) > 1 else {"size": 60})
    return _with_target(one, colour, {"mark": mark, "encoding": encoding})


def _xy(card: Card, colour: Colour, *, zero: bool = False, discrete: bool = False) -> Spec:
    """Channels of one layer; several y are folded into one, told apart by colour."""
    encoding: Spec = {"x": _x(card, discrete=discrete), "y": _y(card, card.y[0], zero=zero)}
    if len(card.y) > 1:
        encoding["y"] |= {"field": "folded"}
        column = card.columns[card.y[0]]
        encoding["y"]["title"] = None if column.format == "percent" else _unit(column) or None
        labels = [card.columns[name].label for name in card.y]
        scale = {"domain": labels, "range": [colour(one) for one in SERIES[: len(labels)]]}
        encoding["color"] = {"field": "label", "type": "nominal", "scale": scale}
    elif card.series:
        encoding["color"] = {"field": _field(card, card.series), "type": "nominal", "sort": None}
    return encoding


def _x(card: Card, *, discrete: bool = False) -> Spec:
    column = card.columns[card.x]
    found: Spec = {"field": _field(card, card.x), "axis": {"title": None}}
    if column.format == "date" and discrete:
        found |= {"type": "ordinal"}
        found["axis"] |= {"labelAngle": 0}
    elif column.format == "date":
        found |= {"type": "temporal", "scale": {"type": "utc"}}
    elif column.format in NUMERIC and card.display in ("line", "area", "scatter") and not discrete:
        found |= {"type": "quantitative", "axis": {"labelExpr": SHORT, "grid": False}}
        found["title"] = _named(column)
    else:
        found |= {"type": "nominal", "sort": None}
        found["axis"] |= {"labelAngle": 0, "labelLimit": 260}
    return found


def _y(card: Card, name: str, *, zero: bool) -> Spec:
    column = card.columns[name]
    labels = f"{SHORT} + ' %'" if column.format == "percent" else SHORT
    if column.format == "percent":
        labels = f"({SHORT}) + ' %'"
    return {
        "field": _field(card, name),
        "type": "quantitative",
        "scale": {"zero": zero, "nice": True},
        "title": _named(column),
        "axis": {"labelExpr": labels, "titleAngle": 0, "titleAlign": "left", "titleAnchor": "end",
                 "titleX": 0, "titleY": -ABOVE},
    }  # fmt: skip


def _with_target(card: Card, colour: Colour, layer: Spec, *, axis: str = "y") -> Spec:
    """A layer with what it needs beside it: folded columns, and the line of the target."""
    if len(card.y) > 1 and card.display != "combo":
        fields = [_field(card, name) for name in card.y]
        labels = {_field(card, name): card.columns[name].label for name in card.y}
        layer["transform"] = [
            {"fold": fields, "as": ["key", "folded"]},
            {"lookup": "key", "as": ["label"], "from": {
                "data": {"values": [{"key": k, "label": v} for k, v in labels.items()]},
                "key": "key", "fields": ["label"]}},
        ]  # fmt: skip
    if card.goal is None:
        return {"layer": [layer]}
    once: Spec = {"data": {"values": [{}]}}
    line = {**once, "mark": {"type": "rule", "strokeDash": [5, 4], "color": colour("target")},
            "encoding": {axis: {"datum": card.goal}}}  # fmt: skip
    middle = card.display == "combo"  # the title of a second axis may stand on the right
    words = {**once, "mark": {"type": "text", "text": f"- - {target_label(card)}", "fontSize": 11,
                      "color": colour("target"), "baseline": "bottom",
                      "align": "center" if middle else "right"},
             "encoding": {"x": {"value": {"expr": "width / 2" if middle else "width"}},
                          "y": {"value": -ABOVE}}}  # fmt: skip
    return {"layer": [layer, line, words]}


def _fixed(card: Card, name: str, colour: Colour) -> Spec:
    """The colour of one y, with all of them in the legend."""
    labels = [card.columns[one].label for one in card.y]
    scale = {"domain": labels, "range": [colour(one) for one in SERIES[: len(labels)]]}
    return {"datum": card.columns[name].label, "scale": scale}


def _coloured(card: Card) -> bool:
    return bool(card.series) or len(card.y) > 1


def _field(card: Card, name: str) -> str:
    return f"c{list(card.columns).index(name)}"


def _unit(column: Column) -> str:
    return "%" if column.format == "percent" else column.unit or ""


def _named(column: Column) -> str:
    unit = _unit(column)
    return f"{column.label} ({unit})" if unit and unit not in column.label else column.label
