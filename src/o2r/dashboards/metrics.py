"""Cards of catalogue metrics: `metric: weekly_revenue` instead of SQL, name, unit and format."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

SLICE = "slice"
"""Column of a metric's card by which it is filtered: 'All', or a dimension and its member.

The metric store has one dimension at a time, so a reader chooses one slice, never a combination
for which there is no number.
"""
_SLICE = (
    "case when dimension = 'all' then 'All' "
    "else replace(dimension, '_', ' ') || ': ' || dimension_value end as slice"
)
SLICE_FILTER = {
    "label": "Slice",
    "kind": "choice",
    "values": f"select distinct {_SLICE} from {{{{ ref('metric_values') }}}}",
    "default": "All",
}
"""What `slice: {}` stands for among the filters of a dashboard."""
FORMATS = {"%": "percent", "currency": "currency", "points of 100": "decimal"}


def catalogue(dbt_dir: Path) -> dict[str, dict[str, str]]:
    """Rows of dbt/seeds/metric_definitions.csv by metric."""
    with (dbt_dir / "seeds" / "metric_definitions.csv").open(encoding="utf-8", newline="") as file:
        return {row["metric"]: row for row in csv.DictReader(file)}


def expand(
    item: dict[str, Any],
    metrics: dict[str, dict[str, str]],
    currency: str,
    filters: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """A card with `metric` (and grain: week or month) as one with SQL; other items as they are.

    filters: those of the dashboard. Days restrict the period; without SLICE only totals are read.
    What the item says itself stays. Periods that are not over are left out.
    Raises ValueError for a metric that the catalogue does not have.
    """
    if "metric" not in item:
        return item
    item = dict(item)
    grain = item.pop("grain", "week")
    if grain not in ("week", "month"):
        raise ValueError(f"grain must be week or month, not {grain}")
    try:
        metric = metrics[item["metric"]]
    except KeyError:
        raise ValueError(f"the catalogue has no metric {item['metric']}") from None
    value = {"label": metric["metric_name"], "format": FORMATS.get(metric["unit"], "decimal")}
    if metric["unit"] != "%":
        value["unit"] = currency if metric["unit"] == "currency" else metric["unit"]
    sliced = SLICE in filters
    days = {key: "period_start" for key, one in filters.items() if one.get("kind") != "choice"}
    made = {
        "name": metric["metric_name"],
        "question": metric["formula"],
        "sql": (
            f"select period_start, value, {_SLICE} from {{{{ ref('metric_values') }}}} "
            f"where metric = '{item['metric']}' and grain = '{grain}' and is_complete"
            + ("" if sliced else " and dimension = 'all'")
        ),
        "columns": {
            "period_start": {"label": f"{grain.capitalize()} from", "format": "date"},
            "value": value,
        },
        "x": "period_start",
        "y": ["value"],
        "order": ["period_start"],
        "filters": days | ({SLICE: SLICE} if sliced else {}),
        "target": float(metric["target"]) if metric["target"] else None,
        "good": metric["direction"],
    }
    return made | item
