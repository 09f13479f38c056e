"""Where items stand on the grid of a dashboard, for Metabase and for the site."""

from __future__ import annotations

from typing import NamedTuple

from o2r.dashboards.definitions import GRID, OTHER_SIZE, SIZES, Card, Dashboard, Text

LETTERS_PER_COLUMN = 6
"""How many letters of a text fit into a column of the grid, roughly."""


class Place(NamedTuple):
    """An item and its cells: rows from 0 within its tab, columns from 0 to GRID - 1."""

    item: Card | Text
    tab: str | None
    row: int
    column: int
    width: int
    height: int


def layout(board: Dashboard) -> tuple[Place, ...]:
    """Places of the items, in their order.

    Items flow from left to right; one that does not fit begins a new line below the highest item
    of the line before. Every tab begins at the top.
    """
    places = []
    flows: dict[str | None, tuple[int, int, int]] = {}
    for item in board.items:
        width, height = size(item)
        row, column, below = flows.get(item.tab, (0, 0, 0))
        if column + width > GRID:
            row, column = below, 0
        places.append(Place(item, item.tab, row, column, width, height))
        flows[item.tab] = (row, column + width, max(below, row + height))
    return tuple(places)


def size(item: Card | Text) -> tuple[int, int]:
    """Columns and rows of an item: as it says, else what suits its display or its words."""
    if isinstance(item, Card):
        width, height = SIZES.get(item.display, OTHER_SIZE)
        return item.width or width, item.height or height
    width = item.width or GRID
    lines = sum(-(-len(line) // (width * LETTERS_PER_COLUMN)) for line in item.text.splitlines())
    return width, item.height or 1 + lines // 2
