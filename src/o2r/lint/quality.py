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
    watches_source,
)

GRAIN = re.compile(r"-- Grain: one row\b")
TABLES = ("table", "incremental")


def test_findings(project: Project) -> Iterator[Finding]:
    """Every model has tests, its grain among them, and none is switched off."""
    for model in project.models.values():
        tests = project.generic_tests[model["unique_id"]]
        if not tests:
            yield find(model, "no-test", "add a data test")
        elif not has_primary_key(tests):
            remedy = "test its grain: unique and not_null, or unique_combination_of_columns"
            yield find(model, "primary-key", remedy)
    for test in project.tests.values():
        if test["config"]["severity"].lower() != "error" and not watches_source(project, test):
            yield find(test, "severity", "make it an error, or say in meta why it only warns")
    for node in project.disabled:
        yield find(node, "disabled", "delete it, or enable it")


def has_primary_key(tests: list[Node]) -> bool:
    """Whether tests of one model prove that a column or a set of them tells its rows apart."""
    tested = {(test_name(test), arguments(test).get("column_name")) for test in tests}
    return any(
        name == "unique_combination_of_columns"
        or (name == "unique" and ("not_null", column) in tested)
        for name, column in tested
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
