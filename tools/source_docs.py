"""Writes docs/sources.md, what each bronze table fills, from the lineage of the project.

    python tools/source_docs.py

Lineage is read from the SQL itself. Time (the as-of day, the periods) and the attributes of
accounts, models and regions are of use to every table and are not followed; what has no other
source is made of the accounts alone. tests/unit/test_docs.py fails while the page is not current.
"""

import re
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "sources.md"
MODELS = {path.stem: path for path in sorted((ROOT / "dbt" / "models").rglob("*.sql"))}
STORE = MODELS["metric_values"].read_text("utf-8")
HEAD = """# What each source fills

Made from the lineage by `python tools/source_docs.py`, never by hand.

A source that is never delivered leaves its metrics without a value and its cards with a reason;
nothing else changes. `customer_details` also gives every number its segment and region, and the
plan tier where no contract of `subscriptions` tells it: without it all accounts are `Unknown`.

| bronze table | metrics it takes part in | dashboards |
|---|---|---|
"""


def is_frame(model: str) -> bool:
    """True for what every table uses: time, and the attributes of accounts, models and regions."""
    path = MODELS[model]
    return path.parts[-3:-1] == ("intermediate", "core") or model.startswith("dim_")


@cache
def sources(model: str) -> frozenset[str]:
    """Bronze tables behind a model."""
    text = MODELS[model].read_text("utf-8")
    found = set(re.findall(r"(?:source|delivered)\('\w+', '(\w+)'\)", text))
    for parent in set(re.findall(r"ref\('(\w+)'\)", text)):
        if parent in MODELS and not is_frame(parent):
            found |= sources(parent)
    return frozenset(found)


def behind(mart: str) -> frozenset[str]:
    """Bronze tables behind a mart; the accounts where there is no other."""
    return sources(mart) or frozenset({"customer_details"})


def marts_of_metrics() -> dict[str, set[str]]:
    """Metric -> marts that give it, as models/marts/o2r/metric_values.sql lists them."""
    found: dict[str, set[str]] = {}
    for block in re.split(r"\n    \('", STORE)[1:]:
        mart = block.split("'")[0]
        for metric in re.findall(r"\n        \('(\w+)',", block):
            found.setdefault(metric, set()).add(mart)
    return found


def render() -> str:
    """The page as it should be."""
    metrics = {
        metric: frozenset().union(*map(behind, marts))
        for metric, marts in marts_of_metrics().items()
    }
    boards = {}
    for path in sorted((ROOT / "metabase" / "dashboards").glob("*.yml")):
        text = path.read_text("utf-8")
        marts = {
            mart
            for mart in re.findall(r"ref\('(\w+)'\)", text)
            if MODELS[mart].parent.name != "o2r" and not is_frame(mart)
        }
        named = set(re.findall(r"\w+", " ".join(re.findall(r"metrics?: (\[[^]]*\]|\w+)", text))))
        fed = [behind(mart) for mart in marts] + [metrics[one] for one in named & metrics.keys()]
        boards[path.stem] = frozenset().union(*fed)
    tables = [
        table["name"]
        for path in sorted((ROOT / "dbt" / "models" / "staging").glob("*/_sources.yml"))
        for source in yaml.safe_load(path.read_text("utf-8"))["sources"]
        for table in source["tables"]
    ]
    rows: dict[str, list[str]] = {}
    for table in sorted(tables):
        fills = sorted(metric for metric, behind_it in metrics.items() if table in behind_it)
        shown = sorted(board for board, behind_it in boards.items() if table in behind_it)
        rows.setdefault(f"{_list(fills)} | {_list(shown)}", []).append(table)
    return HEAD + "".join(f"| {_list(alike)} | {row} |\n" for row, alike in rows.items())


def _list(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none yet"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
