"""Writes docs/sources.md, what each bronze table fills, from the lineage of the project.

    python tools/source_docs.py

o2r.dashboards.lineage reads it from the SQL itself. tests/unit/test_docs.py fails while the page is
not current.
"""

import re
from pathlib import Path

import yaml

from o2r.dashboards.lineage import Lineage

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "sources.md"
HEAD = """# What each source fills

Made from the lineage by `python tools/source_docs.py`, never by hand.

A source that is never delivered leaves its metrics without a value and its cards with a reason;
nothing else changes. `customer_details` also gives every number its segment and region, and the
plan tier where no contract of `subscriptions` tells it: without it all accounts are `Unknown`.

| bronze table | metrics it takes part in | dashboards |
|---|---|---|
"""


def render() -> str:
    """The page as it should be."""
    lineage = Lineage(ROOT / "dbt")
    metrics = lineage.metrics
    boards = {}
    for path in sorted((ROOT / "metabase" / "dashboards").glob("*.yml")):
        text = path.read_text("utf-8")
        marts = {
            mart
            for mart in re.findall(r"ref\('(\w+)'\)", text)
            if lineage.models[mart].parent.name != "o2r" and not lineage.is_frame(mart)
        }
        named = set(re.findall(r"\w+", " ".join(re.findall(r"metrics?: (\[[^]]*\]|\w+)", text))))
        fed = [lineage.behind(mart) for mart in marts] + [
            metrics[one] for one in named & metrics.keys()
        ]
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
