"""Find joins that compare many more rows than they keep, by running the models of a warehouse.

`python -m o2r.lint.joins` runs EXPLAIN ANALYZE over the SQL of every table that was built in full
in the warehouse of the settings, and prints one line per finding. Such a join grows with the square
of the rows: facts that meet periods or rates by a range, or a table read again for every row of
another. A model that cannot do without says why:
`config: {meta: {lint: {join: <why>}}}`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2.extensions import cursor as Cursor

from o2r.lint.manifest import Finding, Node, Project, exceptions, find
from o2r.settings import Settings, load_settings
from o2r.warehouse import connect

Plan = dict[str, Any]

RATIO = 20
"""Rows thrown away for each row kept: a year of periods by their range is beyond it."""
FLOOR = 100_000
"""Rows thrown away below which a join costs nothing."""

# As the pre-hook of every model, hash_joins_only.
AS_BUILT = (
    "set enable_nestloop = off; set enable_mergejoin = off; "
    "set max_parallel_workers_per_gather = 0"  # each worker would count as reading a table again
)


@dataclass(frozen=True)
class Waste:
    """Rows that a part of a plan threw away or read again, those it kept, and its condition."""

    lost: int
    kept: int
    where: str

    def __str__(self) -> str:
        return f"{self.lost:,} rows for {self.kept:,} kept: {self.where}"


def wasted(plan: Plan, ratio: float = RATIO, floor: int = FLOOR) -> Iterator[Waste]:
    """The wasteful parts of a plan, as `explain (analyze, format json)` gives it below "Plan"."""
    for waste in _parts(plan, outer=plan):
        if waste.lost > floor and waste.lost > ratio * waste.kept:
            yield waste


def _parts(node: Plan, outer: Plan) -> Iterator[Waste]:
    """Each join with what its filter removed, and each table read for every row of `outer`."""
    loops = node["Actual Loops"]
    if "Rows Removed by Join Filter" in node:
        lost = round(node["Rows Removed by Join Filter"] * loops)
        yield Waste(lost, _rows(node), node.get("Join Filter", node["Node Type"]))
    children = node.get("Plans", [])
    if not children and loops > outer["Actual Loops"]:
        read = _rows(node) + round(node.get("Rows Removed by Filter", 0) * loops)
        name = node.get("Relation Name") or node.get("CTE Name") or node["Node Type"]
        yield Waste(read, _rows(outer), f"{name} is read {round(loops):,} times")
    for child in children:
        yield from _parts(child, node if child["Actual Loops"] > loops else outer)


def _rows(node: Plan) -> int:
    return round(node["Actual Rows"] * node["Actual Loops"])


def explained(cursor: Cursor, sql: str) -> Plan:
    """Run a select under the settings that models are built with; its plan with what it did."""
    cursor.execute(f"{AS_BUILT}; explain (analyze, timing off, format json) {sql}")
    return cursor.fetchone()[0][0]["Plan"]


def compiled_tables(settings: Settings) -> Iterator[tuple[Node, str]]:
    """Each table of a warehouse that dbt built in full for target prod: its node and select."""
    target = settings.home / "dbt" / f"{settings.database}_prod" / "target"
    for model in Project.read(target).models.values():
        path = target / "compiled" / model["package_name"] / model["original_file_path"]
        if model["config"]["materialized"] in ("table", "incremental"):
            yield model, path.read_text("utf-8")


def check(settings: Settings) -> list[Finding]:
    """Run the select of every table of a warehouse built in full; findings that nothing excuses."""
    connection = connect(settings, autocommit=True)
    findings = []
    try:
        with connection.cursor() as cursor:
            for model, sql in compiled_tables(settings):
                findings += _judged(model, explained(cursor, sql))
    finally:
        connection.close()
    return findings


def _judged(model: Node, plan: Plan) -> list[Finding]:
    found = [find(model, "join", str(waste)) for waste in wasted(plan)]
    if not found and "join" in exceptions(model):
        return [find(model, "exception", "join finds nothing here: remove it")]
    return [finding for finding in found if not finding.reason]


def main() -> int:
    """Check the warehouse of the settings; return the exit code."""
    findings = check(load_settings())
    for finding in findings:
        print(f"{Path('dbt')}/{finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
