"""The project's cards run on a built warehouse, as Metabase and the site would."""

import functools
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from tests.metrics.warehouse import frame

from o2r.dashboards.definitions import Card, Dashboard
from o2r.dashboards.queries import all_rows, metabase_sql, resolved
from o2r.dashboards.read import read_definitions
from o2r.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
DEFINITIONS = read_definitions(load_settings(project=ROOT))
CONDITION = re.compile(r"\n\[\[(and \w+ (?:=|>=|<=)) \{\{(\w+)\}\}\]\]")

Row = dict[str, Any]
Chosen = dict[str, Any]
"""What a reader has chosen, by filter."""


class Place(NamedTuple):
    """A card on its dashboard."""

    board: Dashboard
    card: Card

    def __str__(self) -> str:
        return f"{self.board.key}: {self.card.name}"


PLACES = [Place(board, card) for board in DEFINITIONS.dashboards.values() for card in board.cards]


def gold(name: str) -> str:
    """Relation of a mart in target prod."""
    return f"mart_gold.{name}"


def records(settings: Settings, statement: str, parameters: Chosen | None = None) -> list[Row]:
    """Rows of a query by name of the column, null as None."""
    found = frame(settings, statement, parameters).astype(object)
    return found.where(pd.notna(found), None).to_dict("records")


@functools.cache
def _read(settings: Settings, statement: str) -> list[Row]:
    return records(settings, statement)


def rows_of(place: Place, settings: Settings) -> list[Row]:
    """All rows of a card, in order, before filters and limit, as the site keeps them."""
    return _read(settings, all_rows(place.card, gold))


def members(board: Dashboard, name: str, settings: Settings) -> list[Any]:
    """What can be chosen in a filter of kind choice."""
    statement = resolved(board.filters[name].values, gold)
    return [next(iter(row.values())) for row in _read(settings, statement)]


def defaults(board: Dashboard) -> Chosen:
    """What is chosen before the reader chooses."""
    return {name: one.default for name, one in board.filters.items() if one.default is not None}


def kept(place: Place, chosen: Chosen, rows: list[Row]) -> list[Row]:
    """The rows that are left, as the site filters them, up to the limit of the card."""
    for name, value in chosen.items():
        if name not in place.card.filters:
            continue
        column, kind = place.card.filters[name], place.board.filters[name].kind
        rows = [
            row
            for row in rows
            if row[column] is not None
            and (
                (kind == "since" and row[column] >= value)
                or (kind == "until" and row[column] <= value)
                or (kind == "choice" and row[column] == value)
            )
        ]
    return rows[: place.card.limit]


def shown(place: Place, chosen: Chosen, settings: Settings) -> list[Row]:
    """The rows of a card, as Metabase runs it with what is chosen."""

    def condition(found: re.Match[str]) -> str:
        start, name = found.groups()
        return f"\n{start} %({name})s" if name in chosen else ""

    statement = metabase_sql(place.card, place.board.filters, gold).replace("%", "%%")
    return records(settings, CONDITION.sub(condition, statement), chosen)


def choices(place: Place, settings: Settings) -> Iterator[Chosen]:
    """The defaults; beside them each filter alone, with first and last member; then all at once."""
    rows, together = rows_of(place, settings), defaults(place.board)
    yield {}
    yield together
    for name, column in place.card.filters.items():
        found = sorted({row[column] for row in rows if row[column] is not None})
        if place.board.filters[name].kind == "choice":
            assert set(found) <= set(members(place.board, name, settings)), f"{name} lacks members"
            values = [*found[:1], *found[-1:]]
        else:
            values = found[len(found) // 2 :][:1]
        for value in values:
            yield defaults(place.board) | {name: value}
        if values:
            together = together | {name: values[-1]}
    yield together


def period_end(start: date, label: str) -> date:
    """Last day of the period that starts on a day, a month or a week by the label of its column."""
    if "month" in label.lower():
        return (pd.Timestamp(start) + pd.offsets.MonthEnd(0)).date()
    assert "week" in label.lower(), label
    return (pd.Timestamp(start) + pd.Timedelta(days=6)).date()


def dimension_of(row: Row) -> tuple[str, str]:
    """Dimension and member of a row by its slice; total without one."""
    if row.get("slice", "All") == "All":
        return "all", "all"
    dimension, _, member = row["slice"].partition(": ")
    return dimension.replace(" ", "_"), member
