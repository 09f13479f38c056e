"""Cards of catalogue metrics: `metric: weekly_revenue` instead of SQL, name, unit and format."""

from __future__ import annotations

import csv
import re
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

WEEK = "week"
"""Column by which a dashboard about one week is filtered: that week's Monday, or 'Latest'."""
LATEST = "Latest"
_WEEKS = (
    "(select period_start as week_start, cast(period_start as varchar(10)) as week "
    "from {{ ref('metric_values') }} where metric = 'weekly_revenue' and dimension = 'all' "
    "and is_complete union all "
    f"select max(period_start) as week_start, '{LATEST}' as week "
    "from {{ ref('metric_values') }} where metric = 'weekly_revenue' and dimension = 'all' "
    "and is_complete)"
)
WEEK_FILTER = {
    "label": "Week",
    "kind": "choice",
    "values": f"select week from {_WEEKS} as weeks",
    "default": LATEST,
}
"""What `week: {}` stands for: each complete week; a card shows it and the twelve before."""
GENERATED = {SLICE: SLICE_FILTER, WEEK: WEEK_FILTER}

WORDS = {"slice": _SLICE, "weeks": _WEEKS}
"""What {{ slice }} and {{ weeks }} stand for in the SQL of a card."""
_WORD = re.compile(r"\{\{\s*(" + "|".join(WORDS) + r")\s*\}\}")

COUNTED = {"accounts", "incidents", "requests", "tickets"}
"""Units of whole numbers."""


def catalogue(dbt_dir: Path) -> dict[str, dict[str, str]]:
    """Rows of dbt/seeds/metric_definitions.csv by metric."""
    with (dbt_dir / "seeds" / "metric_definitions.csv").open(encoding="utf-8", newline="") as file:
        return {row["metric"]: row for row in csv.DictReader(file)}


def with_words(sql: str) -> str:
    """SQL in which {{ slice }} and {{ weeks }} are written out."""
    return _WORD.sub(lambda found: WORDS[found.group(1)], sql)


def expand(
    item: dict[str, Any],
    metrics: dict[str, dict[str, str]],
    currency: str,
    filters: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """A card with `metric`, or `metrics`, (and grain) as one with SQL; words of SQL written out.

    An amount without a unit is in the reporting currency, `currency`.

    filters: those of the dashboard. Days restrict the period; without SLICE only totals are read.
    What the item says itself stays. Only periods that are complete are read.
    Raises ValueError for a metric that the catalogue does not have.
    """
    item = dict(item)
    if "sql" in item:
        item["sql"] = with_words(str(item["sql"]))
    if isinstance(item.get("columns"), dict):
        item["columns"] = {
            key: {"unit": currency} | one
            if isinstance(one, dict) and one.get("format") == "currency"
            else one
            for key, one in item["columns"].items()
        }
    names = [item["metric"]] if "metric" in item else list(item.get("metrics", ()))
    if not names:
        return item
    if "metric" in item and "metrics" in item:
        raise ValueError("give either metric or metrics")
    grain = item.pop("grain", "week")
    if grain not in ("week", "month"):
        raise ValueError(f"grain must be week or month, not {grain}")
    if unknown := [name for name in names if name not in metrics]:
        raise ValueError(f"the catalogue has no metric {unknown[0]}")
    keys = ["value"] if "metric" in item else names
    generated = [name for name in GENERATED if name in filters]
    days = {key: "period_start" for key, one in filters.items() if one.get("kind") != "choice"}
    made = {
        "sql": _sql(names, grain, single="metric" in item, generated=generated),
        "columns": {
            "period_start": {"label": f"{grain.capitalize()} from", "format": "date"},
            **{
                key: _column(metrics[name], currency) for key, name in zip(keys, names, strict=True)
            },
        },
        "x": "period_start",
        "y": keys,
        "order": ["period_start", *generated],
        "filters": days | {name: name for name in generated},
        "empty": f"No value: not measured over a whole {grain}, or not by what is chosen.",
    }
    if "metric" in item:
        metric = metrics[item["metric"]]
        made |= {
            "name": metric["metric_name"],
            "question": metric["formula"],
            "target": float(metric["target"]) if metric["target"] else None,
            "good": metric["direction"],
        }
    return made | item


def _column(metric: dict[str, str], currency: str) -> dict[str, Any]:
    label, unit = metric["metric_name"], metric["unit"]
    if unit == "%":
        return {"label": label, "format": "percent", "decimals": 2}
    if unit == "currency":
        return {"label": label, "format": "currency", "decimals": 0, "unit": currency}
    if unit in COUNTED:
        return {"label": label, "format": "integer", "unit": unit}
    return {"label": label, "format": "decimal", "decimals": 0 if unit == "ms" else 2, "unit": unit}


def _sql(names: list[str], grain: str, *, single: bool, generated: list[str]) -> str:
    """One row per period (and slice, and week); a column `value`, or one of each metric's name."""
    dimensions = ", dimension, dimension_value" if SLICE in generated else ""
    keys = f"period_start{', week' if WEEK in generated else ''}"
    columns = [keys, *([_SLICE] if SLICE in generated else [])]
    source, joined = "{{ ref('metric_values') }} as metric_values", ""
    if WEEK in generated:
        joined = (
            f" inner join {_WEEKS} as weeks on period_start <= week_start "
            "and period_start > cast(week_start - interval '91 day' as date)"
        )
    where = f"grain = '{grain}' and is_complete"
    if SLICE not in generated:
        where += " and dimension = 'all'"
    if single:
        return (
            f"select {', '.join([*columns, 'value'])} from {source}{joined} "
            f"where metric = '{names[0]}' and {where}"
        )
    columns += [f"max(value) filter (where metric = '{name}') as {name}" for name in names]
    listed = ", ".join(f"'{name}'" for name in names)
    return (
        f"select {', '.join(columns)} from {source}{joined} "
        f"where metric in ({listed}) and {where} group by {keys}{dimensions}"
    )
