"""Cards of catalogue metrics: `metric: weekly_revenue` instead of SQL, name, unit and format."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

from o2r.errors import nearest

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
    "and is_final union all "
    f"select max(period_start) as week_start, '{LATEST}' as week "
    "from {{ ref('metric_values') }} where metric = 'weekly_revenue' and dimension = 'all' "
    "and is_final)"
)
WEEK_FILTER = {
    "label": "Week",
    "kind": "choice",
    "values": f"select week from {_WEEKS} as weeks",
    "default": LATEST,
}
"""What `week: {}` stands for: each whole week of revenue; a card shows it and the twelve before."""
GENERATED = {SLICE: SLICE_FILTER, WEEK: WEEK_FILTER}

_STATE = (
    "case when is_final then 'final' "
    "when open_count > 0 then 'provisional, ' || cast(open_count as varchar(20)) || ' open' "
    "when is_complete then 'provisional until ' || cast(final_date as varchar(10)) "
    "else 'not complete' end"
)
WORDS = {"slice": _SLICE, "weeks": _WEEKS, "state": _STATE}
"""What {{ slice }}, {{ weeks }} and {{ state }} stand for in the SQL of a card.

state: words for whether a row of metric_values is final, and when it will be.
"""
_WORD = re.compile(r"\{\{\s*(" + "|".join(WORDS) + r")\s*\}\}")

TARGETS = "select metric, target from {{ ref('metric_catalog') }} where target is not null"
"""SQL of the targets that the company states."""

CURRENCY = "select max(unit) from {{ ref('metric_catalog') }} where metric = 'weekly_revenue'"
"""SQL of the currency that gold was built in."""

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
    What the item says itself stays. Only final values are read; a table of one metric has the
    provisional ones of complete periods too, and says so in its column `state`.
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
    if item.get("target") is not None and item["target"] not in metrics:
        near = nearest(str(item["target"]), metrics)
        raise ValueError(f"target: the catalogue has no metric {item['target']}{near}")
    names = [item["metric"]] if "metric" in item else list(item.get("metrics", ()))
    if not names:
        return item
    if "metric" in item and "metrics" in item:
        raise ValueError("give either metric or metrics")
    grain = item.pop("grain", "week")
    if grain not in ("week", "month"):
        raise ValueError(f"grain must be week or month, not {grain}")
    if unknown := [name for name in names if name not in metrics]:
        near = nearest(str(unknown[0]), metrics)
        raise ValueError(f"the catalogue has no metric {unknown[0]}{near}")
    keys = ["value"] if "metric" in item else names
    generated = [name for name in GENERATED if name in filters]
    days = {key: "period_start" for key, one in filters.items() if one.get("kind") != "choice"}
    is_table = "metric" in item and item.get("display") == "table"
    made = {
        "sql": _sql(
            names, grain, single="metric" in item, generated=generated, with_state=is_table
        ),
        "columns": {
            "period_start": {"label": f"{grain.capitalize()} from", "format": "date"},
            **{
                key: _column(metrics[name], currency) for key, name in zip(keys, names, strict=True)
            },
            **({"state": {"label": "State"}} if is_table else {}),
        },
        "x": "period_start",
        "y": keys,
        "order": ["period_start", *generated],
        "filters": days | {name: name for name in generated},
        "empty": f"No final value: not measured over a whole {grain}, or not by what is chosen.",
    }
    if "metric" in item:
        metric = metrics[item["metric"]]
        made |= {
            "name": metric["metric_name"],
            "question": metric["formula"],
            "target": item["metric"],
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


def _sql(
    names: list[str], grain: str, *, single: bool, generated: list[str], with_state: bool
) -> str:
    """One row per period (and slice, and week); a column `value`, or one of each metric's name.

    with_state: provisional values too, and a column `state`.
    """
    dimensions = ", dimension, dimension_value" if SLICE in generated else ""
    keys = f"period_start{', week' if WEEK in generated else ''}"
    columns = [keys, *([_SLICE] if SLICE in generated else [])]
    source, joined = "{{ ref('metric_values') }} as metric_values", ""
    if WEEK in generated:
        joined = (
            f" inner join {_WEEKS} as weeks on period_start <= week_start "
            "and period_start > cast(week_start - interval '91 day' as date)"
        )
    where = f"grain = '{grain}' and {'is_complete' if with_state else 'is_final'}"
    if SLICE not in generated:
        where += " and dimension = 'all'"
    if single:
        columns += ["value", *([f"{_STATE} as state"] if with_state else [])]
        return (
            f"select {', '.join(columns)} from {source}{joined} "
            f"where metric = '{names[0]}' and {where}"
        )
    columns += [f"max(value) filter (where metric = '{name}') as {name}" for name in names]
    listed = ", ".join(f"'{name}'" for name in names)
    return (
        f"select {', '.join(columns)} from {source}{joined} "
        f"where metric in ({listed}) and {where} group by {keys}{dimensions}"
    )
