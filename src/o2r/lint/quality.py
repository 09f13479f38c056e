"""Rules about tests, contracts and descriptions: what every model must have."""

import re
from collections.abc import Iterator

from o2r.lint.manifest import (
    Finding,
    Node,
    Project,
    arguments,
    find,
    layer,
    test_name,
    warns_of_source,
)

GRAIN = re.compile(r"-- Grain: one row\b")
TABLES = ("table", "incremental")
SIMPLE = {
    *("unique", "not_null", "accepted_values", "accepted_range", "expression_is_true"),
    "unique_combination_of_columns",
}
"""Tests of which a build would start a thousand; `valid_rows` is one query for those of a table."""


def test_findings(project: Project) -> Iterator[Finding]:
    """Every model has tests, its grain among them, and none is switched off."""
    for model in project.models.values():
        tests = project.generic_tests[model["unique_id"]]
        if not tests:
            yield find(model, "no-test", "add a data test")
        elif not has_primary_key(tests):
            remedy = "test its grain: valid_rows with key, or unique where columns may be null"
            yield find(model, "primary-key", remedy)
    for test in project.tests.values():
        decides = warns_of_source(project, test) and "holds" not in arguments(test)
        if test["config"]["severity"].lower() != "error" and not decides:
            yield find(test, "severity", "make it an error, or say in meta why it only warns")
        if (test.get("test_metadata") or {}).get("name") in SIMPLE:
            yield find(test, "one-pass", "state it in the valid_rows of the table")
    for node in project.disabled:
        yield find(node, "disabled", "delete it, or enable it")


def has_primary_key(tests: list[Node]) -> bool:
    """Whether a test of one model proves that a column or a set of them tells its rows apart."""
    return any(
        test_name(test) == "valid_rows" and arguments(test).keys() & {"key", "unique"}
        for test in tests
    )


def contract_findings(project: Project) -> Iterator[Finding]:
    """Marts are tables with an enforced contract; elsewhere only staging may be a view."""
    for model in project.models.values():
        if layer(model) != "staging" and model["config"]["materialized"] not in TABLES:
            yield find(model, "materialized", "make it a table: views on views are slow to read")
    for model in project.marts:
        if not model["config"]["contract"]["enforced"]:
            yield find(model, "contract", "enforce its contract")
        if not model["columns"]:
            yield find(model, "contract", "list its columns")
        for column in model["columns"].values():
            if not column.get("data_type"):
                yield find(model, "contract", "give its data_type", column)


def description_findings(project: Project) -> Iterator[Finding]:
    """Models, sources and unit tests say what they are; models say their grain first."""
    for model in project.models.values():
        if not GRAIN.match(model["raw_code"]):
            yield find(model, "grain", "begin the file with `-- Grain: one row ...`")
    for nodes in (project.models, project.sources, project.unit_tests, project.exposures):
        for node in nodes.values():
            if not (node.get("description") or "").strip():
                yield find(node, "description", "describe it")
    for model in project.models.values():
        for column in model["columns"].values():
            if not (column.get("description") or "").strip():
                yield find(model, "description", "describe the column, with its unit", column)
