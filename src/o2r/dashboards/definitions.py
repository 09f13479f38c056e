"""What `metabase/` may say: collections, dashboards, filters, cards. Content only, no server.

docs/dashboards.md explains each key with an example.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

GRID = 24
"""Columns of a dashboard, in Metabase and on the site."""

Display = Literal["number", "line", "area", "bar", "row", "combo", "scatter", "table"]
Format = Literal["integer", "decimal", "currency", "percent", "date", "text"]
SIZES = {"number": (6, 3), "table": (24, 8)}
OTHER_SIZE = (12, 6)


class Part(BaseModel):
    """A key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Owner(Part):
    """Who answers for a dashboard."""

    name: str
    email: str


class Collection(Part):
    """A folder of dashboards, by its key in collections.yml."""

    name: str
    description: str


class Column(Part):
    """How a column of a card's result is shown.

    format:   percent: the value is in points of 100, as in every mart.
    decimals: digits after the point.
    unit:     words behind the number, such as ms; the currency's code where format is currency.
    """

    label: str
    format: Format = "text"
    decimals: int | None = Field(None, ge=0, le=6)
    unit: str | None = None


class Filter(Part):
    """Something that a reader can choose on a dashboard.

    since, until: a day; rows from it on, or up to it, are shown.
    choice:       one member out of what `values` selects (SQL of one column). `default` is chosen
                  until the reader chooses; without one, all rows are shown until then.
    """

    label: str
    kind: Literal["since", "until", "choice"]
    values: str | None = None
    default: str | None = None

    @model_validator(mode="after")
    def _values_belong_to_choices(self) -> Filter:
        if (self.kind == "choice") != (self.values is not None):
            raise ValueError("`values`, SQL of one column, belongs to kind choice and only there")
        if self.default and self.kind != "choice":
            raise ValueError("`default` belongs to kind choice")
        return self


class Drill(Part):
    """Where a click on a row leads: a dashboard, and its filters set from columns of the row."""

    dashboard: str
    filters: dict[str, str] = {}


class Placed(Part):
    """What stands on a dashboard. Cards flow from left to right and wrap, in order."""

    tab: str | None = None
    width: int | None = Field(None, ge=1, le=GRID)
    height: int | None = Field(None, ge=1, le=40)


class Text(Placed):
    """Words between cards, over the whole width unless said; Markdown."""

    text: str


class Card(Placed):
    """One question, and the rows that answer it.

    sql:     SELECT on gold, tables as {{ ref('name') }}; no filters, ORDER BY or LIMIT, see below.
    columns: what is shown, in this order; others serve filters, order and drill.
    x:       column of the horizontal axis, or of the names of bars.
    y:       columns of the values; a number shows the first, in the last row by `order`.
    series:  column that gives a colour to each of its members.
    order:   columns that rows are sorted by, `-` in front: descending. Must leave no ties.
    limit:   rows shown, after filters and order.
    filters: filter of the dashboard -> column of the result that it is compared with.
    target:  metric whose target, if the company states one, y is compared with; see `goal`.
    good:    the direction of y that is good.
    empty:   what it means that there are no rows.
    metric:  key in the catalogue; what the card shows, see o2r.dashboards.metrics.
    metrics: keys in the catalogue, where a card shows several; each is a column of that name.
    goal:    value of the target, see Dashboard.judged_by; never written in a file.
    """

    name: str
    question: str
    display: Display
    sql: str
    columns: dict[str, Column] = Field(min_length=1)
    x: str | None = None
    y: tuple[str, ...] = ()
    series: str | None = None
    stacked: bool = False
    order: tuple[str, ...] = Field(min_length=1)
    limit: int | None = Field(None, ge=1, le=2000)
    filters: dict[str, str] = {}
    target: str | None = None
    good: Literal["up", "down"] | None = None
    drill: Drill | None = None
    empty: str = "No rows: nothing of this is observed, or not in this period."
    metric: str | None = None
    metrics: tuple[str, ...] = ()
    goal: float | None = None

    @model_validator(mode="after")
    def _is_judged_by_the_company(self) -> Card:
        if self.goal is not None:
            raise ValueError("targets are stated in raw_bronze.metric_targets: name the metric")
        return self

    @model_validator(mode="after")
    def _shows_what_it_names(self) -> Card:
        if self.display != "table" and not (self.x and self.y):
            raise ValueError(f"display {self.display} needs x and y")
        shown = [one for one in (self.x, *self.y, self.series) if one]
        if unknown := [one for one in shown if one not in self.columns]:
            raise ValueError(f"not in columns: {', '.join(unknown)}")
        return self


def _kind(item: Any) -> str:
    is_text = "text" in item if isinstance(item, dict) else isinstance(item, Text)
    return "text" if is_text else "card"


Item = Annotated[Annotated[Card, Tag("card")] | Annotated[Text, Tag("text")], Discriminator(_kind)]


class Dashboard(Part):
    """One dashboard; its key is the name of its file.

    question:   what it answers, for whom, how often; the description that readers see.
    maturity:   of dbt's exposure: high, medium or low.
    """

    key: str
    name: str
    question: str
    collection: str
    owner: Owner
    maturity: Literal["high", "medium", "low"] = "medium"
    tabs: tuple[str, ...] = ()
    filters: dict[str, Filter] = {}
    items: tuple[Item, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> Dashboard:
        names = [card.name for card in self.cards]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two cards have one name: {', '.join(twice)}")
        for item in self.items:
            what = item.name if isinstance(item, Card) else f"text {item.text[:30]!r}"
            if (item.tab is None) != (not self.tabs) or (item.tab and item.tab not in self.tabs):
                raise ValueError(f"{what}: tab must be one of {', '.join(self.tabs) or 'none'}")
            if isinstance(item, Card) and (unknown := set(item.filters) - set(self.filters)):
                raise ValueError(f"{what}: no filter {', '.join(sorted(unknown))} on the dashboard")
        if idle := set(self.filters) - {name for card in self.cards for name in card.filters}:
            raise ValueError(f"no card uses the filter {', '.join(sorted(idle))}")
        return self

    @property
    def cards(self) -> tuple[Card, ...]:
        """The cards among the items."""
        return tuple(item for item in self.items if isinstance(item, Card))

    def judged_by(self, targets: Mapping[str, float]) -> Dashboard:
        """The same with the goal of each card whose target is among the metrics of `targets`."""
        items = tuple(
            item.model_copy(update={"goal": targets[item.target]})
            if isinstance(item, Card) and item.target in targets
            else item
            for item in self.items
        )
        return self.model_copy(update={"items": items})


class Definitions(Part):
    """All of `metabase/`: collections by key, dashboards in the order of their files' names."""

    collections: dict[str, Collection]
    dashboards: dict[str, Dashboard]

    @model_validator(mode="after")
    def _dashboards_know_each_other(self) -> Definitions:
        for board in self.dashboards.values():
            if board.collection not in self.collections:
                raise ValueError(f"{board.key}: no collection {board.collection}")
            for card in board.cards:
                if card.drill is None:
                    continue
                other = self.dashboards.get(card.drill.dashboard)
                if other is None:
                    raise ValueError(
                        f"{board.key}, {card.name}: no dashboard {card.drill.dashboard}"
                    )
                if unknown := set(card.drill.filters) - set(other.filters):
                    raise ValueError(
                        f"{board.key}, {card.name}: {other.key} has no filter {sorted(unknown)[0]}"
                    )
        return self

    def judged_by(self, targets: Mapping[str, float]) -> Definitions:
        """The same with the goals of all cards, from the targets stated by metric."""
        judged = {key: board.judged_by(targets) for key, board in self.dashboards.items()}
        return self.model_copy(update={"dashboards": judged})
