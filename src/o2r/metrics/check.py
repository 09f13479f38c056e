"""What is wrong with the metrics, by name; reads files only, no database and no dbt."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

from o2r.dashboards.lineage import Lineage
from o2r.errors import nearest
from o2r.metrics.derive import derived
from o2r.metrics.registry import FOLDER, Metric, Registry
from o2r.yaml_files import read_yaml

STORE = ("grain", "period_start", "dimension", "dimension_value")
"""Columns that every mart of a metric has, beside is_complete."""
ATTRIBUTES = {"accounts", "subscriptions"}
"""Feeds of the attributes of accounts, which lineage does not follow."""
SQL_WORDS = {
    *("and", "or", "not", "in", "is", "null", "true", "false", "between", "cast", "as", "numeric"),
    *("case", "when", "then", "else", "end", "coalesce", "nullif", "integer", "bigint"),
}


def problems(registry: Registry, project: Path) -> list[str]:
    """Every mistake of the folder, one line each: file, key, what is wrong, what to do."""
    found = list(registry.errors)
    dbt = project / "dbt"
    columns, members = _columns_of_marts(dbt)
    feed_of = {row["bronze_table"]: row["feed"] for row in _seed(dbt, "feeds")}
    feeds = set(feed_of.values())
    lineage = Lineage(dbt)
    factors = {factor.id for factor in registry.factors}
    measures, helpers = _semantic(dbt)
    for metric in registry.metrics.values():
        for key, words in (
            *_of_mart(metric, columns),
            *_of_dimensions(metric, members),
            *_unknown("feeds", metric.feeds, feeds, "seeds/feeds.csv has no feed"),
            *_of_feeds(metric, lineage, feed_of),
            *_unknown("acts_on", metric.acts_on, factors, "_factors.yml has no factor"),
            *_of_semantic(metric, measures, helpers | registry.names),
        ):
            found.append(f"{FOLDER}/{metric.metric}.yml: {key}: {words}")
    found += _of_lists(registry)
    if not found:
        for path, text in derived(registry, project).items():
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                found.append(f"{path.relative_to(project)}: out of date: run `o2r metric write`")
    return found


def _of_mart(metric: Metric, marts: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    if metric.mart not in marts:
        yield "mart", f"there is no mart {metric.mart}{nearest(metric.mart, marts)}"
        return
    columns = marts[metric.mart]
    if lacking := [name for name in STORE if name not in columns]:
        yield "mart", f"{metric.mart} has no column {lacking[0]}, which metric_values needs"
        return
    for key in ("where", "value", "numerator", "denominator", "open_count", "is_complete"):
        for name in _names(getattr(metric, key) or ""):
            if name not in columns:
                yield key, f"{metric.mart} has no column {name}{nearest(name, columns)}"


def _of_dimensions(metric: Metric, marts: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    if members := marts.get(metric.mart):
        words = f"{metric.mart} says that its column dimension has no"
        yield from _unknown("dimensions", metric.dimensions, members, words)


def _of_feeds(
    metric: Metric, lineage: Lineage, feed_of: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Every mart may read accounts and their plan tiers; what else a metric waits for is behind its
    mart.
    """
    if metric.mart not in lineage.models or lineage.is_frame(metric.mart):
        return
    read = {feed_of[table] for table in lineage.behind(metric.mart) if table in feed_of}
    for name in sorted({*metric.feeds} & {*feed_of.values()} - read - ATTRIBUTES):
        yield "feeds", f"{metric.mart} reads nothing of {name}, but of {', '.join(sorted(read))}"


def _of_semantic(
    metric: Metric, measures: Set[str], metrics: Set[str]
) -> Iterator[tuple[str, str]]:
    if semantic := metric.semantic:
        yield from _unknown("semantic", semantic.measures, measures, "there is no measure")
        yield from _unknown("semantic", semantic.metrics, metrics, "there is no metric")
        for name in set(semantic.dimensions) - set(metric.dimensions):
            yield "semantic.dimensions", f"{name} is not among the dimensions of the metric"


def _of_lists(registry: Registry) -> Iterator[str]:
    named = defaultdict(list)
    for metric in registry.metrics.values():
        named[metric.name].append(metric.metric)
    for name, metrics in named.items():
        if len(metrics) > 1:
            yield f"{FOLDER}: {' and '.join(metrics)} have one name, {name}"
    for factor in registry.factors:
        if factor.moves not in registry.names:
            words = f"no metric {factor.moves}{nearest(factor.moves, registry.names)}"
            yield f"{FOLDER}/_factors.yml: {factor.id}: moves: there is {words}"


def _unknown(key: str, names: object, known: Set[str], words: str) -> Iterator[tuple[str, str]]:
    for name in sorted(set(names) - known):  # type: ignore[call-overload]
        yield key, f"{words} {name}{nearest(name, known)}"


def _names(expression: str) -> list[str]:
    """Columns that an expression reads."""
    words = re.findall(r"[a-z_]\w*", re.sub(r"'[^']*'", "", expression.lower()))
    return [word for word in dict.fromkeys(words) if word not in SQL_WORDS]


def _columns_of_marts(dbt: Path) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Columns of each mart, as its contract lists them, and the accepted values of `dimension`."""
    columns: dict[str, set[str]] = {}
    dimensions: dict[str, set[str]] = {}
    for path in (dbt / "models" / "marts").rglob("*.yml"):
        for model in (read_yaml(path) or {}).get("models", ()):
            mart = model["name"]
            columns[mart] = {column["name"] for column in model.get("columns", ())}
            dimensions[mart] = {
                str(value)
                for test in model.get("data_tests", ())
                if isinstance(test, dict) and "valid_rows" in test
                for value in test["valid_rows"]["arguments"].get("one_of", {}).get("dimension", ())
            }
    return columns, dimensions


def _semantic(dbt: Path) -> tuple[set[str], set[str]]:
    """Measures, and metrics that are written by hand because the catalogue has them not."""
    measures, metrics = set(), set()
    for path in (dbt / "models" / "semantic").glob("*.yml"):
        found = read_yaml(path) or {}
        for model in found.get("semantic_models", ()):
            measures |= {measure["name"] for measure in model.get("measures", ())}
        if not path.name.startswith("_"):
            metrics |= {metric["name"] for metric in found.get("metrics", ())}
    return measures, metrics


def _seed(dbt: Path, name: str) -> list[dict[str, str]]:
    with (dbt / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
