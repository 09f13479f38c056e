"""Write docs/metrics.md, the metric catalogue for readers, from the seeds.

python tools/metric_docs.py
"""

import csv
from itertools import groupby
from operator import itemgetter
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SEEDS = PROJECT / "dbt" / "seeds"
PAGE = PROJECT / "docs" / "metrics.md"
LAYERS = {
    "revenue": "Revenue: the outcome",
    "customer": "Customer: what explains it",
    "product_performance": "Product performance: what came first",
}


def _rows(seed: str) -> list[dict[str, str]]:
    with (SEEDS / f"{seed}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def render() -> str:
    """Return the page as Markdown."""
    metrics = _rows("metric_definitions")
    names = {row["metric"]: row["metric_name"] for row in metrics}
    lines = [
        "# Metric catalogue",
        "",
        "Made from `dbt/seeds/metric_definitions.csv` and `driver_map.csv` by",
        "`python tools/metric_docs.py`; a test keeps it current. Values are in",
        "`mart_gold.metric_values` under the name in the first column.",
    ]
    for layer, title in LAYERS.items():
        lines += [
            "", f"## {title}", "",
            "| metric | book | what it is | unit | good | owner | mart |",
            "|---|---|---|---|---|---|---|",
        ]  # fmt: skip
        lines += [
            f"| `{row['metric']}` | {row['book_id']} | **{row['metric_name']}**: {row['formula']} "
            f"| {row['unit']} | {row['direction']} | {row['owner']} | `{row['source_mart']}` |"
            for row in metrics
            if row["layer"] == layer
        ]
    lines += [
        "", "## What moves the success metrics", "",
        "Metrics in italics have no data yet; `mart_gold.o2r_driver_map` says so too.", "",
        "| success metric | factor | driver | metrics to act on |",
        "|---|---|---|---|",
    ]  # fmt: skip
    computed = {row["metric"] for row in metrics if row["layer"] != "driver"}
    factors = itemgetter("success_metric", "factor_id", "factor", "driver")
    for (success, factor_id, factor, driver), rows in groupby(_rows("driver_map"), factors):
        actions = ", ".join(
            names[row["actionable_metric"]]
            if row["actionable_metric"] in computed
            else f"*{names[row['actionable_metric']]}*"
            for row in rows
        )
        lines.append(f"| {names[success]} | {factor_id} {factor} | {driver} | {actions} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
