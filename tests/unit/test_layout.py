"""The grid of a dashboard: items flow, wrap, and never overlap."""

from itertools import combinations

import pytest

from o2r.dashboards.definitions import GRID, Dashboard
from o2r.dashboards.layout import layout


def board(*items, tabs=()):
    owner = {"name": "A", "email": "a@example.com"}
    return Dashboard(
        key="a", name="A", question="?", collection="c", owner=owner, tabs=tabs, items=items
    )


def card(name, display="line", **changes):
    shown = {} if display == "table" else {"x": "a", "y": ["b"]}
    columns = {"a": {"label": "A"}, "b": {"label": "B"}}
    return {"name": name, "question": "?", "display": display, "sql": "select 1", "order": ["a"],
            "columns": columns, **shown, **changes}  # fmt: skip


def cells(places):
    return [(one.row, one.column, one.width, one.height) for one in places]


def test_items_flow_from_left_to_right_and_wrap_below_the_highest():
    places = layout(
        board(
            card("a", "number"),
            card("b", "number", height=4),
            card("c"),
            card("d", width=13, height=5),
            card("e", "table"),
        )
    )
    assert cells(places) == [
        (0, 0, 6, 3),
        (0, 6, 6, 4),
        (0, 12, 12, 6),
        (6, 0, 13, 5),
        (11, 0, 24, 8),
    ]


def test_every_tab_begins_at_the_top():
    places = layout(
        board(card("a", tab="x"), card("b", tab="y"), card("c", tab="x"), tabs=("x", "y"))
    )
    assert [(one.tab, one.row, one.column) for one in places] == [
        ("x", 0, 0),
        ("y", 0, 0),
        ("x", 0, 12),
    ]


@pytest.mark.parametrize(
    ("text", "width", "size"),
    [
        ("# Heading", None, (24, 1)),
        ("word " * 60, None, (24, 2)),
        ("word " * 60, 6, (6, 5)),
        ("a\n\nb\n\nc", None, (24, 2)),
    ],
)
def test_text_is_as_high_as_its_words_need(text, width, size):
    (place,) = layout(board({"text": text, "width": width}))
    assert (place.width, place.height) == size


def test_no_two_items_overlap_and_none_leaves_the_grid():
    sizes = [(1 + 7 * n % 24, 1 + 5 * n % 9) for n in range(40)]
    places = layout(board(*({"text": "a", "width": w, "height": h} for w, h in sizes)))
    assert all(one.column + one.width <= GRID for one in places)
    taken = [
        {(one.row + r, one.column + c) for r in range(one.height) for c in range(one.width)}
        for one in places
    ]
    assert not any(one & other for one, other in combinations(taken, 2))
