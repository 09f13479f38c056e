"""Which columns of marts are keys, enums or ranges, and whether a test covers them.

* key: a column of the primary key, or one named `*_id` or `*_key`. Covered by `unique`,
  `not_null`, `columns_not_null` or `relationships`.
* enum: a text column whose name is tested by `accepted_values` anywhere in the project, or ends in
  a word such as grain, band, status or tier. Covered by `accepted_values` or `relationships`, or by
  an expression that says `column in (...)`.
* range: an integer, or a number named for a unit that has a bound (`*_pct`, `*_hours`, `*_score`),
  unless it is a change; the start of a period. Covered by `columns_within`, `accepted_range` or an
  expression. Amounts of money have none: a credit makes any of them negative.

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
    watches_source,
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
    "key": "list it in columns_not_null, or test relationships to its dimension",
    "enum": "test accepted_values, or relationships to the table that lists its values",
    "range": "test columns_within, with bounds unless the name says them",
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
        for kind, columns in _covers(test, model).items():
            covered[kind] |= columns
    for parent in project.ancestors(model):
        for test in project.generic_tests[parent["unique_id"]]:
            if watches_source(project, test):
                for kind, columns in _covers(test, parent).items():
                    covered[kind] |= columns
    return covered


def _covers(test: Node, model: Node) -> dict[str, set[str]]:
    given = arguments(test)
    column = {given["column_name"]} if given.get("column_name") else set()
    match test_name(test):
        case "unique" | "not_null":
            return {"key": column}
        case "columns_not_null":
            return {"key": set(given["columns"])}
        case "relationships":
            return {"key": column, "enum": column}
        case "accepted_values":
            return {"enum": column}
        case "columns_within":
            # Names of columns say their bounds: what the test compares stands in its SQL.
            compared = re.findall(r"-- compares: (.*)", test.get("compiled_code") or "")
            return {"range": set(re.findall(r"\w+", compared[0])) if compared else set()}
        case "accepted_range" | "expect_column_values_to_be_between":
            return {"range": column}
        case "expect_column_pair_values_A_to_be_greater_than_B":
            return {"range": {given["column_A"]}}
        case "expression_is_true":
            words = set(re.findall(r"\w+", given["expression"])) & model["columns"].keys()
            listed = set(re.findall(r"(\w+)\s+in\s*\(", given["expression"]))
            return {"range": column | words, "enum": listed & model["columns"].keys()}
    return {}


def _unique_columns(test: Node) -> list[str]:
    if test_name(test) == "unique_combination_of_columns":
        return arguments(test)["combination_of_columns"]
    return [arguments(test)["column_name"]] if test_name(test) == "unique" else []


def _listed(project: Project) -> set[str]:
    """Names of the columns whose values some test lists."""
    return {
        arguments(test)["column_name"]
        for tests in project.generic_tests.values()
        for test in tests
        if test_name(test) == "accepted_values"
    }
