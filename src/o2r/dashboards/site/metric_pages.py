"""Pages of the catalogue's metrics, and the front page: dashboards made from gold's own tables."""

from __future__ import annotations

from typing import Any

from o2r.dashboards.definitions import Card, Dashboard, Definitions
from o2r.dashboards.metrics import SLICE, SLICE_FILTER, catalogue, expand
from o2r.dashboards.site.gold import Gold
from o2r.dashboards.site.pages import Page, board_page
from o2r.settings import Settings

TEAMS = {"PRD": "Product", "GTM": "Go to market", "CS": "Customer success", "ENG": "Engineering"}
LAYERS = {
    "revenue": "Revenue: the result",
    "customer": "Customers: what explains it",
    "product_performance": "Product performance: what comes first",
}
HEADLINE = (
    "weekly_revenue", "arr", "nrr_pct", "active_accounts",
    "usage_retention_rate_pct", "cs_score", "error_rate_pct", "uptime_pct",
)  # fmt: skip
"""Numbers of the front page."""
OWNER = {"name": "Analytics engineering", "email": "analytics@example.com"}


def read_catalogue(gold: Gold) -> list[dict[str, str | None]]:
    """Rows of metric_catalog as exact text, by layer and name."""
    found = gold.query(
        "select * from {{ ref('metric_catalog') }} order by layer, metric_name, metric",
        "metric catalogue",
    )
    return [dict(zip(found.kinds, row, strict=True)) for row in found.rows]


def read_drivers(gold: Gold) -> list[dict[str, str | None]]:
    """Rows of o2r_driver_map, in the book's order."""
    found = gold.query(
        "select * from {{ ref('o2r_driver_map') }} "
        "order by success_metric_id, success_metric, factor_id, actionable_metric",
        "driver map",
    )
    return [dict(zip(found.kinds, row, strict=True)) for row in found.rows]


class MetricPages:
    """Makes the page of each metric; reads the catalogue of the project once."""

    def __init__(self, settings: Settings, gold: Gold, definitions: Definitions):
        self._seed = catalogue(settings.dbt_dir)
        self._gold, self._definitions, self._currency = gold, definitions, gold.currency
        self.metrics = [one for one in read_catalogue(gold) if one["metric"] in self._seed]
        self._drivers = read_drivers(gold)

    def by_layer(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Layers by name, each with its metrics."""
        return [
            (title, [one for one in self.metrics if one["layer"] == layer])
            for layer, title in LAYERS.items()
        ]

    def page(self, metric: dict[str, Any]) -> Page:
        """Everything that metric.html shows; `page` is None where there is no value."""
        key = metric["metric"]
        board = self.board(metric) if metric["status"] == "available" else None
        return {
            "metric": metric | {"layer": LAYERS[metric["layer"]].split(":")[0]},
            "facts": self._facts(metric),
            "page": board_page(board, self._gold, self._definitions, ()) if board else None,
            "reason": f"it {self._gold.metric_needs(key) or 'has no data of its source yet'}.",
            "factors": self._factors(key),
            "outcomes": [
                {"metric": one["success_metric"], "name": one["success_metric_name"],
                 "factor": one["factor"]}
                for one in self._drivers if one["actionable_metric"] == key
            ],
        }  # fmt: skip

    def board(self, metric: dict[str, Any]) -> Dashboard | None:
        """The newest final value, the chart and the table of each grain that has values."""
        key = metric["metric"]
        filters = {
            SLICE: SLICE_FILTER | {"values": SLICE_FILTER["values"] + f" where metric = '{key}'"},
            "since": {"label": "From", "kind": "since"},
            "until": {"label": "Up to", "kind": "until"},
        }
        found = self._gold.query(
            "select distinct grain from {{ ref('metric_values') }} "
            f"where metric = '{key}' and is_complete and dimension = 'all' order by grain desc",
            metric["metric_name"],
        )
        grains = [grain for (grain,) in found.rows]
        if not grains:
            return None
        shared = {"metric": key}
        items = []
        for grain in grains:
            one = shared | {"grain": grain}
            items += [
                one | {"display": "number", "width": 6, "name": f"Newest {grain}",
                       "question": f"The last {grain} that is final."},
                one | {"display": "bar" if metric["additivity"] == "additive" else "line",
                       "width": 18, "name": f"By {grain}",
                       "question": f"{metric['metric_name']}, every {grain} that is final."},
            ]  # fmt: skip
        items += [
            shared | {"grain": grain, "display": "table", "width": 12,
                      "name": f"Values by {grain}",
                      "question": "The newest first; provisional ones can still change.",
                      "order": ["-period_start", f"-{SLICE}"]}
            for grain in grains
        ]  # fmt: skip
        return Dashboard(
            key=key,
            name=metric["metric_name"],
            question=metric["formula"],
            collection="method",
            owner=OWNER,
            filters=filters,
            items=[expand(one, self._seed, self._currency, filters) for one in items],
        ).judged_by(self._gold.targets)

    def _facts(self, metric: dict[str, Any]) -> list[tuple[str, str]]:
        target = metric["target"]
        return [
            ("Key", metric["metric"]),
            ("Number in the book", metric["book_id"]),
            ("Unit", metric["unit"]),
            ("Good direction", metric["direction"]),
            ("Target", f"{target} {metric['unit']}" if target else "none stated"),
            ("Owner", TEAMS.get(metric["owner"], metric["owner"])),
            ("Final", _final_words(metric)),
            ("Sums", metric["additivity"]),
            ("Region means", metric["region_basis"]),
            ("Computed in", metric["source_mart"]),
            ("Last complete week", metric["newest_complete_week_start"] or "none"),
            ("Last complete month", metric["newest_complete_month_start"] or "none"),
            ("Behind", metric["lag_reason"] or "no feed of it"),
        ]

    def _factors(self, key: str) -> list[Page]:
        factors: dict[str, Page] = {}
        for one in self._drivers:
            if one["success_metric"] != key:
                continue
            factor = factors.setdefault(
                one["factor_id"],
                {"id": one["factor_id"], "name": one["factor"], "driver": one["driver"],
                 "metrics": []},
            )  # fmt: skip
            factor["metrics"].append(
                {"metric": one["actionable_metric"], "name": one["actionable_metric_name"],
                 "direction": one["direction"], "status": one["status"]}
            )  # fmt: skip
        return list(factors.values())

    def front(self) -> Dashboard:
        """The front page: the newest final numbers, and what moved in the newest week."""
        available = {one["metric"]: one for one in self.metrics if one["status"] == "available"}
        numbers = [
            expand({"metric": key, "display": "number"}, self._seed, self._currency, {})
            for key in HEADLINE if key in available
        ]  # fmt: skip
        return Dashboard(
            key="index",
            name="What happened",
            question="The newest complete week.",
            collection="method",
            owner=OWNER,
            items=[*numbers, STORY],
        ).judged_by(self._gold.targets)


def _final_words(metric: dict[str, Any]) -> str:
    if metric["final_after_days"] is None:
        return "not computed"
    days = int(metric["final_after_days"])
    after = f"{days} days after the end of the period" if days else "at the end of the period"
    newest = metric["newest_final_period_start"]
    return f"{after}; newest {newest}" if newest else f"{after}; no value is final yet"


STORY = Card(
    name="What moved most",
    question="Metrics of the newest complete week, the least usual of each layer first.",
    display="table",
    sql="""
select week_start, replace(layer, '_', ' ') as layer, rank_in_layer, sentence, movement,
    case
        when movement not like 'unusually%' or is_favourable is null then 'as usual'
        when is_favourable then 'good news'
        else 'bad news'
    end as news
from {{ ref('o2r_weekly_story') }}
where
    week_start = (select max(week_start) from {{ ref('o2r_weekly_story') }})
    and rank_in_layer <= 3
""",
    columns={
        "sentence": {"label": "What"},
        "layer": {"label": "Layer"},
        "news": {"label": "Judged"},
        "week_start": {"label": "Week from", "format": "date"},
    },
    order=("rank_in_layer", "layer", "sentence"),
    empty="No week is complete yet.",
)
