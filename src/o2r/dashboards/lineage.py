"""Which bronze tables stand behind a mart, a metric and a card, read from the SQL itself.

Time (the as-of day, the periods, opening hours) and the attributes of accounts, models and regions
are of use to every table and are not followed; what has no other source is made of the accounts
alone.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Set
from functools import cached_property
from pathlib import Path

from o2r.contracts import SCHEMA, load_contracts
from o2r.dashboards.definitions import Card
from o2r.dashboards.queries import tables

SOURCE = re.compile(r"(?:(?:source|delivered)\('\w+', |staged_requests\()'(\w+)'\)")
STORE = {"metric_values", "metric_catalog", "o2r_driver_map", "o2r_weekly_story"}
"""Marts that hold every metric; what a card shows of them, it names."""
TARGETS = "metric_targets"
"""What the catalogue itself holds of the company."""
ATTRIBUTES = {"date", "account", "account_history", "model", "product", "region"}
OPENING_HOURS = {"int_support_day", "stg_support_schedules"}
REF = re.compile(r"ref\('(\w+)'\)")
MACRO = re.compile(r"{%-? macro (\w+)\(.*?%}(.*?){%-? endmacro", re.DOTALL)
CALL = re.compile(r"\b(\w+)\(")


def never_delivered(dbt_dir: Path) -> str:
    """SQL of the names of the bronze tables that hold no row."""
    return " union all ".join(
        f"select '{name}' where not exists (select 1 from {SCHEMA}.{name})"
        for name in sorted(load_contracts(dbt_dir))
    )


def needs(tables: Iterable[str]) -> str | None:
    """What is said where these bronze tables were never delivered; None without any."""
    return f"needs {', '.join(sorted(tables))}: never delivered" if tables else None


class Lineage:
    """Bronze tables behind what the dbt project in a folder makes of them."""

    def __init__(self, dbt_dir: Path) -> None:
        self._dbt_dir = dbt_dir
        self.models = {path.stem: path for path in sorted((dbt_dir / "models").rglob("*.sql"))}
        self._macros = {
            name: body
            for path in sorted((dbt_dir / "macros").glob("*.sql"))
            for name, body in MACRO.findall(path.read_text("utf-8"))
        }
        self._sources: dict[str, frozenset[str]] = {}

    def is_frame(self, model: str) -> bool:
        """True for what every table uses: time, and attributes of accounts, models and regions."""
        path = self.models[model]
        frames = {f"dim_{name}" for name in ATTRIBUTES} | OPENING_HOURS
        return path.parts[-3:-1] == ("intermediate", "core") or model in frames

    def behind(self, mart: str) -> frozenset[str]:
        """Bronze tables behind a mart; the accounts where there is no other."""
        return self._behind(mart) or frozenset({"customer_details"})

    def _behind(self, model: str) -> frozenset[str]:
        if model not in self._sources:
            text = self._with_macros(self.models[model].read_text("utf-8"))
            found = set(SOURCE.findall(text))
            for parent in set(REF.findall(text)):
                if parent in self.models and not self.is_frame(parent):
                    found |= self._behind(parent)
            self._sources[model] = frozenset(found)
        return self._sources[model]

    def _with_macros(self, text: str) -> str:
        """SQL followed by that of the project's macros that it calls, directly or not."""
        called: dict[str, str] = {}
        texts = [text]
        while texts:
            for name in CALL.findall(texts.pop()):
                if name in self._macros and name not in called:
                    called[name] = self._macros[name]
                    texts.append(called[name])
        return "\n".join((text, *called.values()))

    @cached_property
    def metrics(self) -> dict[str, frozenset[str]]:
        """Metric -> bronze tables, by the mart that the catalogue names."""
        return {
            row["metric"]: self.behind(row["source_mart"])
            for row in self._seed("metric_definitions")
            if row["source_mart"] in self.models
        }

    @cached_property
    def needed(self) -> dict[str, frozenset[str]]:
        """Metric -> bronze tables without which it has no value.

        Those of its feeds in the catalogue, and of no feed those whose contract says so.
        """
        feed_of = {row["bronze_table"]: row["feed"] for row in self._seed("feeds")}
        contracts = load_contracts(self._dbt_dir)
        return {
            row["metric"]: frozenset(
                name
                for name, contract in contracts.items()
                if feed_of.get(name) in row["feeds"].split() or row["metric"] in contract.needed_by
            )
            for row in self._seed("metric_definitions")
        }

    def lacking(self, have: Set[str]) -> dict[str, frozenset[str]]:
        """Metric -> bronze tables that it waits for, where only those of `have` are delivered.

        Of the tables of one feed, any will do.
        """
        tables: dict[str, set[str]] = {}
        for row in self._seed("feeds"):
            tables.setdefault(row["feed"], set()).add(row["bronze_table"])
        found = {}
        for row in self._seed("metric_definitions"):
            if row["metric"] not in self.metrics:
                continue
            fed = [tables[feed] for feed in row["feeds"].split() if feed in tables]
            other = self.needed[row["metric"]] - set().union(*fed)
            waits = [one for one in fed if not one & have]
            found[row["metric"]] = frozenset().union(*waits) | (other - have)
        return found

    def of_card(self, card: Card) -> frozenset[str]:
        """Bronze tables that a card's rows are made of: of its marts, of metrics that it names."""
        return self._of_card(card, self.metrics)

    def lacks(self, card: Card, never: Set[str]) -> frozenset[str]:
        """Of bronze tables never delivered, those for which a card is empty, if it is."""
        return self._of_card(card, self.needed) & never or self.of_card(card) & never

    def shown(self, card: Card) -> frozenset[str]:
        """Bronze tables of which a card shows something; none where it shows whatever there is."""
        found = self._of_card(card, self.needed)
        return found if found != frozenset().union(*self.needed.values()) else frozenset()

    def _of_card(self, card: Card, metrics: dict[str, frozenset[str]]) -> frozenset[str]:
        read = [mart for mart in tables(card.sql) if mart not in STORE]
        marts = [mart for mart in read if not self.is_frame(mart)] or read
        named = {*re.findall(r"'(\w+)'", card.sql), card.metric} & metrics.keys()
        if not marts and not named:
            named = set(metrics)
        fed = [self.behind(mart) for mart in marts] + [metrics[one] for one in named]
        if "metric_catalog" in tables(card.sql) and re.search(r"\btarget\b", card.sql):
            fed.append(frozenset({TARGETS}))
        return frozenset().union(*fed)

    def _seed(self, name: str) -> list[dict[str, str]]:
        path = self._dbt_dir / "seeds" / f"{name}.csv"
        with path.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))
