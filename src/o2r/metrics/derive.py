"""What is made from the metrics: seeds, a macro, MetricFlow's metrics, pages. Never edit these."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from o2r.metrics.registry import Factor, Metric, Registry

MADE = "Made from metrics/ by `o2r metric write`"
LAYERS = {
    "revenue": "Revenue: the outcome",
    "customer": "Customer: what explains it",
    "product_performance": "Product performance: what came first",
}


def derived(registry: Registry, project: Path) -> dict[Path, str]:
    """Text of every file that is made from the metrics, by its path."""
    dbt, docs = project / "dbt", project / "docs"
    metrics = _sorted(registry)
    page = docs / "semantic-layer.md"
    return {
        dbt / "seeds" / "metric_definitions.csv": _csv(_definitions(metrics)),
        dbt / "seeds" / "driver_map.csv": _csv(_driver_map(metrics, registry)),
        dbt / "macros" / "metric_registry.sql": _macro(metrics),
        dbt / "models" / "semantic" / "_metrics.yml": _semantic_metrics(metrics),
        docs / "metrics.md": _catalogue(metrics, registry),
        page: _semantic_page(page.read_text(encoding="utf-8"), metrics),
    }


def write(registry: Registry, project: Path) -> list[Path]:
    """Write the derived files; return those that have changed."""
    changed = []
    for path, text in derived(registry, project).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def _sorted(registry: Registry) -> list[Metric]:
    """By layer, then as the book counts."""

    def place(metric: Metric) -> tuple:
        numbers = tuple(int(number) for number in re.findall(r"\d+", metric.book))
        return list(LAYERS).index(metric.layer), not numbers, numbers, metric.metric

    return sorted(registry.metrics.values(), key=place)


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _definitions(metrics: list[Metric]) -> list[dict[str, Any]]:
    return [
        {
            "metric": metric.metric,
            "book_id": metric.book,
            "metric_name": metric.name,
            "layer": metric.layer,
            "formula": metric.formula,
            "unit": metric.unit,
            "direction": metric.direction,
            "owner": metric.owner,
            "additivity": metric.additivity,
            "region_basis": metric.region_basis,
            "source_mart": metric.mart,
            "feeds": " ".join(metric.feeds),
            "final_after_days": metric.final_after_days,
        }
        for metric in metrics
    ]


def _acting(factor: Factor, metrics: list[Metric]) -> list[Metric]:
    return [metric for metric in metrics if factor.id in metric.acts_on]


def _driver_map(metrics: list[Metric], registry: Registry) -> list[dict[str, Any]]:
    return [
        {
            "success_metric": factor.moves,
            "factor_id": factor.id,
            "factor": factor.name,
            "driver": factor.driver,
            "actionable_metric": metric.metric,
        }
        for factor in registry.factors
        for metric in _acting(factor, metrics)
    ]


def _macro(metrics: list[Metric]) -> str:
    keys = ("metric", "layer", "mart", "value", "numerator", "denominator", "open_count")
    lines = []
    for metric in metrics:
        row = {key: getattr(metric, key) or "null" for key in keys}
        row |= {"open_count": metric.open_count or "0", "is_complete": metric.is_complete}
        lines.append(f"        {row | {'where': metric.condition}},")
    return "\n".join(
        [
            f"{{#- {MADE}: what metric_values reads, SQL over the columns of a mart. -#}}",
            "{% macro metric_registry() -%}",
            "    {{ return([",
            *lines,
            "    ]) }}",
            "{%- endmacro %}",
            "",
        ]
    )


def _semantic_metrics(metrics: list[Metric]) -> str:
    found = [
        {"name": metric.metric, "label": metric.name, "description": metric.formula}
        | metric.semantic.model_dump(exclude={"grains", "dimensions"}, exclude_none=True)
        for metric in metrics
        if metric.semantic
    ]
    text = yaml.safe_dump(
        {"metrics": found},
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=96,
    )
    return f"# {MADE}.\n{text}"


def _catalogue(metrics: list[Metric], registry: Registry) -> str:
    lines = [
        "# Metric catalogue", "",
        f"{MADE}; lint keeps it current. Values are in `mart_gold.metric_values` under the name in",
        "the first column.",
    ]  # fmt: skip
    for layer, title in LAYERS.items():
        lines += [
            "", f"## {title}", "",
            "| metric | book | what it is | unit | good | owner | mart |",
            "|---|---|---|---|---|---|---|",
        ]  # fmt: skip
        lines += [
            f"| `{metric.metric}` | {metric.book} | **{metric.name}**: {metric.formula} "
            f"| {metric.unit} | {metric.direction} | {metric.owner} | `{metric.mart}` |"
            for metric in metrics
            if metric.layer == layer
        ]
    lines += [
        "", "## What moves the success metrics", "",
        "Where each of them stands, and whether it has been seen to move first, is in",
        "`mart_gold.o2r_driver_map`.", "",
        "| success metric | factor | driver | metrics to act on |",
        "|---|---|---|---|",
    ]  # fmt: skip
    for factor in registry.factors:
        actions = ", ".join(metric.name for metric in _acting(factor, metrics))
        moves = registry.metrics[factor.moves].name
        lines.append(f"| {moves} | {factor.id} {factor.name} | {factor.driver} | {actions} |")
    return "\n".join(lines) + "\n"


def _semantic_page(page: str, metrics: list[Metric]) -> str:
    """The page with its two tables made anew; the words around them are written by hand."""
    offered = [
        f"| `{metric.metric}` | {', '.join(metric.semantic.grains)} "
        f"| {', '.join(metric.semantic.dimensions)} |"
        for metric in metrics
        if metric.semantic
    ]
    reasons: dict[str, list[str]] = {}
    for metric in metrics:
        if metric.no_semantic:
            reasons.setdefault(metric.no_semantic, []).append(f"`{metric.metric}`")
    missing = [f"| {', '.join(names)} | {reason} |" for reason, names in reasons.items()]
    for head, rows in (("| metric | grains | by |", offered), ("| metric | why |", missing)):
        page = "\n".join(_replaced(page.split("\n"), head, rows))
    return page


def _replaced(lines: list[str], head: str, rows: list[str]) -> Iterator[str]:
    """Lines in which the rows below the head of one table are these."""
    left = iter(lines)
    for line in left:
        yield line
        if line == head:
            yield next(left)
            yield from rows
            for after in left:
                if not after.startswith("|"):
                    yield after
                    break
