"""Every card of every dashboard on the small company: rows, filters, order, right numbers."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.metrics.cards import (
    DEFINITIONS,
    PLACES,
    ROOT,
    Place,
    choices,
    defaults,
    dimension_of,
    kept,
    members,
    period_end,
    rows_of,
    shown,
)
from tests.metrics.warehouse import END

from o2r.dashboards.queries import selected
from o2r.metrics import read
from o2r.settings import Settings

EMPTY = {
    "customer: Adoption rate": "nobody's 91 days after sign-up are observed as a whole",
}
"""Cards without a row, and why; one with rows has no place here."""

METRICS = read(ROOT).metrics.keys()
PERIODS = ("period_start", "week_start", "month_start")
ROUNDING = {"cs_score": 6e-6}
POWERS = {"cwgr_pct", "required_weekly_growth_pct"}

cards = pytest.mark.parametrize("place", PLACES, ids=str)
charts = pytest.mark.parametrize(
    "place", [place for place in PLACES if place.card.display != "table"], ids=str
)
numbers = pytest.mark.parametrize(
    "place",
    [place for place in PLACES if place.card.display == "number" and place.card.metric],
    ids=str,
)


@cards
def test_it_answers(place: Place, small: Settings) -> None:
    rows = rows_of(place, small)
    if str(place) in EMPTY:
        assert not rows, "has rows: take it off the list"
        return
    assert rows, place.card.empty
    assert kept(place, defaults(place.board), rows) or "week" in place.card.filters
    for name in (place.card.x, *place.card.y):
        assert name is None or any(row[name] is not None for row in rows), f"{name} is never known"


def test_the_list_of_empty_cards_names_cards() -> None:
    assert EMPTY.keys() <= {str(place) for place in PLACES}
    assert all(EMPTY.values())


@cards
def test_its_order_leaves_no_ties(place: Place, small: Settings) -> None:
    keys = [key.removeprefix("-") for key in place.card.order]
    found = [tuple(row[key] for key in keys) for row in rows_of(place, small)]
    assert len(found) == len(set(found))


@cards
def test_metabase_and_the_site_filter_alike(place: Place, small: Settings) -> None:
    for chosen in choices(place, small):
        rows = kept(place, chosen, rows_of(place, small))
        wanted = [{name: row[name] for name in selected(place.card)} for row in rows]
        assert shown(place, chosen, small) == wanted, chosen


@charts
def test_one_point_has_one_value(place: Place, small: Settings) -> None:
    """A chart would add up, or paint over, two rows with one x and one colour."""
    rows = kept(place, defaults(place.board), rows_of(place, small))
    points = [(row[place.card.x], row.get(place.card.series)) for row in rows]
    assert len(points) == len(set(points))


@pytest.mark.parametrize("place", [place for place in PLACES if place.card.drill], ids=str)
def test_a_click_leads_to_something_that_can_be_chosen(place: Place, small: Settings) -> None:
    drill = place.card.drill
    for name, column in drill.filters.items():
        found = members(DEFINITIONS.dashboards[drill.dashboard], name, small)
        assert {row[column] for row in rows_of(place, small)} <= set(found)


@cards
def test_no_period_is_shown_before_it_is_over(place: Place, small: Settings) -> None:
    for name in PERIODS:
        if name not in place.card.columns:
            continue
        label = place.card.columns[name].label
        for row in rows_of(place, small):
            if row[name] is not None:
                assert period_end(row[name], row.get("grain") or label) <= END


@pytest.fixture(scope="session")
def again(recomputed: pd.DataFrame) -> dict[tuple[Any, ...], float]:
    """Values that pandas finds in bronze, by metric, grain, period, dimension and member."""
    keys = ["metric", "grain", "period_start", "dimension", "dimension_value"]
    index = recomputed.assign(period_start=recomputed["period_start"].dt.date)
    return dict(zip(index[keys].itertuples(index=False, name=None), index["value"], strict=True))


@pytest.fixture(scope="session")
def final(metric_values: pd.DataFrame) -> set[tuple[Any, ...]]:
    """Metric, grain, period, dimension and member of every final value; see test_finality."""
    rows = metric_values[metric_values["is_final"]]
    rows = rows.assign(period_start=rows["period_start"].dt.date)
    keys = ["metric", "grain", "period_start", "dimension", "dimension_value"]
    return set(rows[keys].itertuples(index=False, name=None))


def assert_same(metric: str, value: Any, wanted: float) -> None:
    relative = 1e-4 if metric in POWERS else 1e-6
    assert np.isclose(float(value), wanted, rtol=relative, atol=ROUNDING.get(metric, 6e-7))


@numbers
def test_a_number_is_that_of_the_metric(
    place: Place,
    small: Settings,
    again: dict[tuple[Any, ...], float],
    final: set[tuple[Any, ...]],
) -> None:
    """The newest final period, in total and in every slice: as recomputed from bronze."""
    metric, seen = place.card.metric, 0
    grain = "month" if "Month" in place.card.columns["period_start"].label else "week"
    slices = members(place.board, "slice", small) if "slice" in place.board.filters else ["All"]
    for one in slices:
        chosen = defaults(place.board) | ({"slice": one} if "slice" in place.board.filters else {})
        rows = kept(place, chosen, rows_of(place, small))
        dimension, member = dimension_of({"slice": one})
        periods = [
            key[2]
            for key in again
            if (key[0], key[1], key[3], key[4]) == (metric, grain, dimension, member)
            and period_end(key[2], grain) <= END
            and key in final
        ]
        assert bool(rows) == bool(periods)
        if rows:
            assert rows[-1]["period_start"] == max(periods)
            key = (metric, grain, max(periods), dimension, member)
            assert_same(metric, rows[-1]["value"], again[key])
            seen += 1
    assert seen or str(place) in EMPTY


@pytest.mark.parametrize(
    "place",
    [
        place
        for place in PLACES
        if "period_start" in place.card.columns
        and METRICS & {*place.card.columns, *place.card.metrics, place.card.metric}
        and not {"dimension", "population"} & place.card.columns.keys()
    ],
    ids=str,
)
def test_a_column_with_the_name_of_a_metric_is_that_metric(
    place: Place,
    small: Settings,
    again: dict[tuple[Any, ...], float],
    final: set[tuple[Any, ...]],
) -> None:
    grain = "month" if "onth" in place.card.columns["period_start"].label else "week"
    names = {name: name for name in METRICS & place.card.columns.keys()}
    names |= {"value": place.card.metric} if place.card.metric else {}
    compared = 0
    for row in rows_of(place, small):
        for name, metric in names.items():
            key = (metric, grain, row["period_start"], *dimension_of(row))
            if row[name] is None:
                assert key not in final
                continue
            assert_same(metric, row[name], again[key])
            compared += 1
    assert compared or str(place) in EMPTY
