"""Which bronze tables stand behind a mart, a metric and a card, read from the SQL itself.

Time (the as-of day, the periods) and the attributes of accounts, models and regions are of use to
every table and are not followed; what has no other source is made of the accounts alone.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

from o2r.dashboards.definitions import Card
from o2r.dashboards.queries import tables

SOURCE = re.compile(r"(?:(?:source|delivered)\('\w+', |staged_requests\()'(\w+)'\)")
STORE = {"metric_values", "metric_catalog", "o2r_driver_map", "o2r_weekly_story"}
"""Marts that hold every metric; what a card shows of them, it names."""
ATTRIBUTES = {"date", "account", "account_history", "model", "product", "region"}
REF = re.compile(r"ref\('(\w+)'\)")


class Lineage:
    """Bronze tables behind what the dbt project in a folder makes of them."""

    def __init__(self, dbt_dir: Path) -> None:
        self.models = {path.stem: path for path in sorted((dbt_dir / "models").rglob("*.sql"))}
        self._sources: dict[str, frozenset[str]] = {}

    def is_frame(self, model: str) -> bool:
        """True for what every table uses: time, and attributes of accounts, models and regions."""
        path = self.models[model]
        return path.parts[-3:-1] == ("intermediate", "core") or model in {
            f"dim_{name}" for name in ATTRIBUTES
        }

    def behind(self, mart: str) -> frozenset[str]:
        """Bronze tables behind a mart; the accounts where there is no other."""
        return self._behind(mart) or frozenset({"customer_details"})

    def _behind(self, model: str) -> frozenset[str]:
        if model not in self._sources:
            text = self.models[model].read_text("utf-8")
            found = set(SOURCE.findall(text))
            for parent in set(REF.findall(text)):
                if parent in self.models and not self.is_frame(parent):
                    found |= self._behind(parent)
            self._sources[model] = frozenset(found)
        return self._sources[model]

    @cached_property
    def metrics(self) -> dict[str, frozenset[str]]:
        """Metric -> bronze tables, by the marts that models/marts/o2r/metric_values.sql lists."""
        store = self.models["metric_values"].read_text("utf-8")
        found: dict[str, frozenset[str]] = {}
        for block in re.split(r"\n    \('", store)[1:]:
            mart = block.split("'")[0]
            for metric in re.findall(r"\n        \('(\w+)',", block):
                found[metric] = found.get(metric, frozenset()) | self.behind(mart)
        return found

    def of_card(self, card: Card) -> frozenset[str]:
        """Bronze tables that a card's rows are made of: of its marts, of metrics that it names."""
        read = [mart for mart in tables(card.sql) if mart not in STORE]
        marts = [mart for mart in read if not self.is_frame(mart)] or read
        named = {*re.findall(r"'(\w+)'", card.sql), card.metric} & self.metrics.keys()
        if not marts and not named:
            named = set(self.metrics)
        fed = [self.behind(mart) for mart in marts] + [self.metrics[one] for one in named]
        return frozenset().union(*fed)
