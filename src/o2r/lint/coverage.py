"""Which columns of marts are keys, enums or ranges, and whether a test covers them.

* key: a column of the primary key, or one named `*_id` or `*_key`. Covered by `key` or `not_null`
  of `valid_rows`, or by `relationships`.
* enum: a text column whose words some test of the project lists by name, or that ends in a word
  such as grain, band, status or tier. Covered by `one_of` of `valid_rows`, by `relationships`, or
  by a claim of `holds` that says `column in (...)`.
* range: an integer, or a number named for a unit that has a bound (`*_pct`, `*_hours`, `*_score`),
  unless it is a change; the start of a period. Covered by `within` of `valid_rows`, the bounds
  that its name says included, or by a claim of `holds`. Amounts of money have none: a credit makes
  any of them negative.

Where the source decides the values of an enum or a range, a warning on the column of that name in
the staging model covers it, as a build must not stop for them.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from o2r.lint.manifest import (
    Finding,
    Node,
    Project,
    arguments,
    exceptions,
    find,
    test_name,
    warns_of_source,
)

MAX_GAPS_PCT = 2.0

INTEGERS = ("smallint", "integer", "bigint")
ENUM_ENDING = re.compile(
    r"(^|_)(grain|dimension|band|status|tier|segment|type|layer|direction|severity|priority|level)$"
)
BOUNDED = {
    *("pct", "score", "csat", "count", "share", "correlation"),
    *("ms", "seconds", "minutes", "hours", "days", "weeks", "months"),
}
CHANGES = {"change", "growth", "cwgr", "delta", "difference", "gap", "z"}
AS_OF_EVENT = "_as_of_event"
PERIOD_STARTS = {"period_start", "week_start", "month_start", "fiscal_year_start"}

REMEDIES = {
    "key": "list it in not_null of valid_rows, or test relationships to its dimension",
    "enum": "list its words in one_of of valid_rows, or test relationships to their table",
    "range": "state within in valid_rows, unless the name says its bounds",
}


@dataclass(frozen=True)
class Coverage:
    """What was measured over the columns of all marts."""

    columns: int
    needing_a_test: int
    excused: int
    gaps: list[Finding]
    """Columns without a description, or without a test that they need; one each."""

    @property
    def gaps_pct(self) -> float:
        return 100 * len(self.gaps) / self.columns if self.columns else 0.0

    @property
    def is_enough(self) -> bool:
        return self.gaps_pct <= MAX_GAPS_PCT

    def __str__(self) -> str:
        return (
            f"marts: {self.columns} columns, {self.needing_a_test} of them keys, enums or ranges; "
            f"{len(self.gaps)} lack a description or a test: {self.gaps_pct:.1f} % "
            f"(at most {MAX_GAPS_PCT:.0f} %), {self.excused} excused with a reason"
        )


def measure(project: Project) -> Coverage:
    """Look at every column of every mart."""
    columns = needing = excused = 0
    gaps = []
    for model in project.marts:
        missing = defaultdict(list)
        for finding in coverage_findings(project, model):
            missing[finding.subject["name"]].append(finding)
        needs = needed_tests(project, model)
        for name, column in model["columns"].items():
            columns += 1
            needing += bool(needs[name])
            open_findings = [x for x in missing[name] if not (x.reason or is_open(project, x))]
            excused += bool(missing[name]) and not open_findings
            if not (column.get("description") or "").strip():
                gaps.append(find(model, "description", "describe the column", column))
            elif open_findings:
                gaps.append(open_findings[0])
    return Coverage(columns, needing, excused, gaps)


def coverage_findings(project: Project, model: Node) -> Iterator[Finding]:
    """Keys, enums and ranges of one mart that no test covers."""
    covered = covered_columns(project, model)
    for name, needs in needed_tests(project, model).items():
        for need in sorted(needs):
            if name not in covered[need]:
                yield find(model, need, REMEDIES[need], model["columns"][name])


def is_open(project: Project, finding: Finding) -> bool:
    """Whether a dimension says of the attribute of that name that its values are not known."""
    name = finding.subject["name"].removesuffix(AS_OF_EVENT)
    return finding.rule == "enum" and any(
        model["name"].startswith("dim_") and exceptions(model["columns"][name]).get("enum")
        for model in project.marts
        if name in model["columns"]
    )


def needed_tests(project: Project, model: Node) -> dict[str, set[str]]:
    """For each column of a mart: the kinds of test that it needs."""
    primary = {
        column
        for test in project.generic_tests[model["unique_id"]]
        for column in _unique_columns(test)
    }
    listed = _listed(project)
    found: dict[str, set[str]] = {}
    for name, column in model["columns"].items():
        data_type = (column.get("data_type") or "").lower()
        words = set(name.split("_"))
        found[name] = set()
        if name in primary or name.endswith(("_id", "_key")):
            found[name].add("key")
        base = name.removesuffix(AS_OF_EVENT)
        if data_type == "text" and (ENUM_ENDING.search(base) or base in listed):
            found[name].add("enum")
        is_measured = data_type.startswith("numeric") and words & BOUNDED
        if name in PERIOD_STARTS or data_type in INTEGERS or (is_measured and not words & CHANGES):
            found[name].add("range")
    return found


def covered_columns(project: Project, model: Node) -> dict[str, set[str]]:
    """For each kind of test: the columns of a mart that a test covers."""
    covered: dict[str, set[str]] = defaultdict(set)
    for test in project.generic_tests[model["unique_id"]]:
        for kind, columns in _covers(test).items():
            covered[kind] |= columns
    for parent in project.ancestors(model):
        for test in project.generic_tests[parent["unique_id"]]:
            if warns_of_source(project, test):
                for kind, columns in _covers(test).items():
                    covered[kind] |= columns
    return covered


def _covers(test: Node) -> dict[str, set[str]]:
    given = arguments(test)
    if test_name(test) in ("relationships", "unique"):
        column = {given["column_name"]}
        return {"key": column, "enum": column if test_name(test) == "relationships" else set()}
    if test_name(test) != "valid_rows":
        return {}
    # Names of columns say their bounds: what the test compares stands in its SQL.
    compared = re.search(r"-- compares: (.*)", test.get("compiled_code") or "")
    conditions = " ".join(given.get("holds", {}).values())
    return {
        "key": {*given.get("key", ()), *given.get("not_null", ())},
        "enum": {*given.get("one_of", ()), *re.findall(r"(\w+)\s+in\s*\(", conditions)},
        "range": {
            *(re.findall(r"\w+", compared[1]) if compared else ()),
            *re.findall(r"\w+", conditions),
        },
    }


def _unique_columns(test: Node) -> list[str]:
    """Columns of which a test claims that together they tell the rows apart."""
    given = arguments(test) if test_name(test) == "valid_rows" else {}
    return [*given.get("key", ()), *given.get("unique", ())]


def _listed(project: Project) -> set[str]:
    """Names of the columns whose words some test lists."""
    return {
        column
        for tests in project.generic_tests.values()
        for test in tests
        for column in arguments(test).get("one_of", ())
    }
