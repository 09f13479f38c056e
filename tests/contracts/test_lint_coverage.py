"""Which columns of marts need a test, which tests cover them, and what is measured from that."""

from typing import Any

import pytest
from tests.unit.manifests import Broken, generic_test

from o2r.lint.coverage import MAX_GAPS_PCT, measure, needed_tests
from o2r.lint.manifest import Project
from o2r.lint.rules import check


def gaps(project: Broken) -> list[tuple[str, str]]:
    """(column, rule) of the gaps."""
    found = measure(Project(project.manifest())).gaps
    return [(gap.subject["name"], gap.rule) for gap in found]


@pytest.mark.parametrize(
    ("name", "data_type", "needs"),
    [
        ("sale_id", "text", {"key"}),
        ("sale_key", "text", {"key"}),
        ("sale_name", "text", set()),
        ("account_status", "text", {"enum"}),
        ("grain", "text", {"enum"}),
        ("plan_tier", "text", {"enum"}),
        ("status_date", "date", set()),
        ("active_accounts", "bigint", {"range"}),
        ("rank_in_layer", "integer", {"range"}),
        ("error_rate_pct", "numeric(18,6)", {"range"}),
        ("latency_p90_ms", "numeric(18,6)", {"range"}),
        ("growth_rate_pct", "numeric(18,6)", set()),
        ("change_pct", "numeric(18,6)", set()),
        ("net_revenue", "numeric(18,6)", set()),
    ],
)
def test_the_name_and_type_of_a_column_tell_what_it_needs(
    name: str, data_type: str, needs: set[str]
) -> None:
    project = Broken()
    project.add_column(project.mart, name, data_type)
    assert needed_tests(Project(project.manifest()), project.mart)[name] == needs
    assert gaps(project) == [(name, need) for need in needs]


def test_a_name_whose_values_are_listed_anywhere_is_an_enum() -> None:
    project = Broken()
    project.add_column(project.mart, "colour", "text")
    assert gaps(project) == []
    project.tests.append(generic_test(project.int, "valid_rows", one_of={"colour": ["red"]}))
    assert gaps(project) == [("colour", "enum")]


def test_every_column_of_a_combined_key_needs_a_test() -> None:
    project = Broken()
    project.drop_tests(project.mart)
    project.add_column(project.mart, "region", "text")
    both = ["account_id", "region"]
    project.tests.append(generic_test(project.mart, "valid_rows", unique=both))
    assert gaps(project) == [("account_id", "key"), ("region", "key")]
    project.tests.append(generic_test(project.mart, "valid_rows", key=both))
    assert gaps(project) == []


@pytest.mark.parametrize(
    ("column", "data_type", "claims"),
    [
        ("sale_id", "text", {"not_null": ["sale_id"]}),
        ("sale_id", "text", {"key": ["sale_id"]}),
        ("status", "text", {"one_of": {"status": ["a"]}}),
        ("status", "text", {"holds": {"is_one": "1 = 1 and status in ('a')"}}),
        ("sale_count", "bigint", {"within": {"sale_count": [0, None]}}),
        ("sale_count", "bigint", {"holds": {"is_above": "sale_count >= net"}}),
    ],
)
def test_claims_that_cover_a_column(column: str, data_type: str, claims: dict[str, Any]) -> None:
    project = Broken()
    project.add_column(project.mart, column, data_type)
    assert len(gaps(project)) == 1
    project.tests.append(generic_test(project.mart, "valid_rows", **claims))
    assert gaps(project) == []


@pytest.mark.parametrize("column", ["sale_id", "status"])
def test_a_relationship_covers_a_key_and_an_enum(column: str) -> None:
    project = Broken()
    project.add_column(project.mart, column, "text")
    refers = {"column_name": column, "to": "x", "field": "y"}
    project.tests.append(generic_test(project.mart, "relationships", **refers))
    assert gaps(project) == []


@pytest.mark.parametrize(
    ("column", "data_type", "claims"),
    [
        ("sale_id", "text", {"one_of": {"sale_id": ["a"]}}),
        ("sale_id", "text", {"unique": ["sale_id"]}),
        ("status", "text", {"not_null": ["status"]}),
        ("status", "text", {"holds": {"is_filled": "status <> ''"}}),
        ("sale_count", "bigint", {"not_null": ["sale_count"]}),
        ("sale_count", "bigint", {"within": {"others": [0, None]}}),
    ],
)
def test_a_claim_of_another_kind_or_column_does_not_cover(
    column: str, data_type: str, claims: dict[str, Any]
) -> None:
    project = Broken()
    project.add_column(project.mart, column, data_type)
    project.tests.append(generic_test(project.mart, "valid_rows", **claims))
    assert column in [name for name, _ in gaps(project)]


@pytest.mark.parametrize(("severity", "covers"), [("warn", True), ("error", False)])
def test_a_warning_in_staging_covers_what_the_source_decides(severity: str, covers: bool) -> None:
    project = Broken()
    project.add_column(project.dim, "status", "text")
    words = {"status": ["open"]}
    project.tests.append(generic_test(project.stg, "valid_rows", severity, one_of=words))
    assert (gaps(project) == []) is covers
    project.add_column(project.fct, "status", "text")  # which does not come from that staging
    assert ("status", "enum") in gaps(project)


def test_a_dimension_says_once_that_values_are_open() -> None:
    project = Broken()
    segment = project.add_column(project.dim, "segment", "text")
    project.add_column(project.mart, "segment", "text")
    project.add_column(project.fct, "segment_as_of_event", "text")
    assert len(gaps(project)) == 3
    segment["config"]["meta"] = {"lint": {"enum": "each company names its own"}}
    assert gaps(project) == []
    assert check(Project(project.manifest())) == []
    assert measure(Project(project.manifest())).excused == 3


def test_an_exception_that_excuses_nothing_is_red() -> None:
    project = Broken()
    segment = project.add_column(project.dim, "sale_name", "text")
    segment["config"]["meta"] = {"lint": {"enum": "each company names its own"}}
    (finding,) = check(Project(project.manifest()))
    assert finding.rule == "exception"


@pytest.mark.parametrize(("bad", "is_enough"), [(0, True), (1, True), (2, True), (3, False)])
def test_more_than_two_percent_of_gaps_is_too_much(bad: int, is_enough: bool) -> None:
    assert MAX_GAPS_PCT == 2
    project = Broken()
    for number in range(100 - 5 - bad):  # a good project has 5 columns in marts
        project.add_column(project.mart, f"name_{number}", "text")
    for number in range(bad):
        project.add_column(project.mart, f"sale_{number}_id", "text")
    coverage = measure(Project(project.manifest()))
    assert (coverage.columns, len(coverage.gaps)) == (100, bad)
    assert coverage.is_enough is is_enough
    assert f"100 columns, {bad + 5} of them" in str(coverage)
    assert f"{bad:.1f} %" in str(coverage)


def test_a_column_without_a_description_is_a_gap() -> None:
    project = Broken()
    project.mart["columns"]["account_id"]["description"] = " "
    assert gaps(project) == [("account_id", "description")]


def test_no_marts_are_no_error() -> None:
    project = Broken()
    project.models = [project.stg]
    assert measure(Project(project.manifest())).gaps_pct == 0
