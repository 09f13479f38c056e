"""Each rule on dbt's manifest fires on what it forbids, once, and on nothing in a good project."""

from collections.abc import Callable

import pytest
from tests.unit.manifests import (
    Broken,
    exposure,
    generic_test,
    model,
    singular_test,
    source,
    unit_test,
)

from o2r.lint.manifest import ON_DATA, RULES, Project
from o2r.lint.rules import check
from o2r.lint.structure import MAX_LINES, MAX_PARENTS, named_schemas


def reads(name: str, *more: str) -> Callable[[Broken], None]:
    def harm(project: Broken) -> None:
        node = getattr(project, name)
        node["depends_on"]["nodes"] = [*node["depends_on"]["nodes"], *more]

    return harm


def says(name: str, **changes: object) -> Callable[[Broken], None]:
    return lambda project: getattr(project, name).update(changes)


def column(name: str, data_type: str) -> Callable[[Broken], object]:
    return lambda project: project.add_column(project.mart, name, data_type)


def moved(name: str, folder: str) -> Callable[[Broken], None]:
    """Move a mart and its YAML file to another folder."""

    def harm(project: Broken) -> None:
        node = getattr(project, name)
        there = model(folder, node["name"], [])
        node.update({key: there[key] for key in ("fqn", "original_file_path", "patch_path")})

    return harm


def named(name: str, new: str) -> Callable[[Broken], None]:
    """Rename a model that no other reads, with its files."""

    def harm(project: Broken) -> None:
        node = getattr(project, name)
        old = node["name"]
        for key in ("name", "original_file_path", "patch_path"):
            node[key] = node[key].replace(old, new)
        node["fqn"][-1] = new

    return harm


def with_staging(table: str) -> Callable[[Broken], None]:
    """Add a staging model of this table, which nobody else reads."""

    def harm(project: Broken) -> None:
        node = model("staging/crm", "stg_again", [table])
        project.models.append(node)
        project.tests.append(generic_test(node, "valid_rows", key=["a", "b"]))

    return harm


def outside(project: Broken) -> None:
    project.story["fqn"][1] = "reports"
    project.exposures.clear()


def dead_end(project: Broken) -> None:
    node = model("intermediate/core", "int_dead", ["model.o2r.stg_accounts"])
    project.models.append(node)
    project.tests.append(generic_test(node, "valid_rows", key=["a", "b"]))


def severity(project: Broken) -> None:
    words = {"account_id": ["a"]}
    project.tests.append(generic_test(project.fct, "valid_rows", "warn", one_of=words))


def simple(project: Broken) -> None:
    project.tests.append(generic_test(project.fct, "not_null", column_name="account_id"))


def without_a_key(project: Broken) -> None:
    project.drop_tests(project.int)
    project.tests.append(generic_test(project.int, "valid_rows", not_null=["account_id"]))


def switched_off(project: Broken) -> None:
    project.disabled.append(singular_test("assert_nothing"))


ARROWS = [
    ("stg", "model.o2r.stg_sales"),
    ("stg", "seed.o2r.a_seed"),
    ("stg", "source.o2r.crm.contacts"),
    ("int", "model.o2r.fct_sales"),
    ("int", "source.o2r.crm.accounts"),
    ("dim", "model.o2r.sales_summary"),
    ("mart", "model.o2r.story"),
    ("mart", "source.o2r.crm.accounts"),
]
HARMS = [
    *(("layer", reads(name, parent)) for name, parent in ARROWS),
    ("layer", lambda p: p.exposures.append(exposure("e", ["model.o2r.stg_sales"]))),
    ("layer", outside),
    ("root-model", says("int", depends_on={"nodes": []})),
    ("source-fanout", with_staging("source.o2r.crm.accounts")),
    ("unread-source", lambda p: p.sources.append(source("crm", "contacts"))),
    ("freshness", says("crm", freshness={"warn_after": {"count": None}})),
    ("unread-model", dead_end),
    ("staging-in-mart", reads("mart", "model.o2r.stg_sales")),
    ("many-parents", reads("mart", *(f"seed.o2r.s{n}" for n in range(MAX_PARENTS - 1)))),
    ("long-model", says("mart", raw_code="-- Grain: one row.\n" + "select 1\n" * MAX_LINES)),
    ("named-schema", says("mart", raw_code="-- Grain: one row.\nselect 1 from ops.batches")),
    ("named-schema", lambda p: p.tests.append(singular_test("assert_x", "select 1 from a.b"))),
    ("prefix", named("story", "fct_story")),
    ("prefix", named("story", "int_story")),
    ("folder", moved("story", "marts/sales")),
    ("yaml-file", says("mart", patch_path="o2r://models/marts/revenue/_models.yml")),
    ("yaml-file", says("int", patch_path="o2r://models/intermediate/core/int_accounts.yml")),
    ("yaml-file", says("crm", original_file_path="models/staging/_sources.yml")),
    ("test-name", lambda p: p.unit_tests.append(unit_test(p.fct, "test_fct_sales_once"))),
    ("test-name", lambda p: p.unit_tests.append(unit_test(p.fct, "test_fct_a__once"))),
    ("test-name", lambda p: p.unit_tests.append(unit_test(p.fct, "test_fct_sales__" + "x" * 48))),
    ("test-name", lambda p: p.tests.append(singular_test("totals_tie"))),
    ("folder", lambda p: p.tests[0].update(original_file_path="tests/assert_totals_tie.sql")),
    ("column-name", column("created", "timestamp")),
    ("column-name", column("created_at", "date")),
    ("column-name", column("created", "date")),
    ("column-name", column("created_date", "text")),
    ("column-name", column("active", "boolean")),
    ("column-name", column("is_active", "text")),
    ("column-name", column("sale_count", "numeric(18,6)")),
    ("column-name", column("growth_pct", "text")),
    ("column-name", column("sale_id", "bigint")),
    ("grain", says("mart", raw_code="select 1")),
    ("description", says("stg", description=" ")),
    ("description", says("crm", description="")),
    ("description", lambda p: p.unit_tests[0].update(description="")),
    ("description", lambda p: p.mart["columns"]["account_id"].update(description=" ")),
    ("no-test", lambda p: p.drop_tests(p.int)),
    ("one-pass", simple),
    ("primary-key", without_a_key),
    ("severity", severity),
    ("disabled", switched_off),
    ("contract", lambda p: p.mart["config"]["contract"].update(enforced=False)),
    ("contract", lambda p: p.mart["columns"]["account_id"].update(data_type=None)),
    ("contract", says("mart", columns={})),
    ("materialized", lambda p: p.mart["config"].update(materialized="view")),
]


def findings(project: Broken) -> list[str]:
    return [str(finding) for finding in check(Project(project.manifest()))]


def rules(project: Broken) -> list[str]:
    return [finding.rule for finding in check(Project(project.manifest()))]


def test_a_good_project_has_no_finding() -> None:
    assert findings(Broken()) == []


@pytest.mark.parametrize(("rule", "harm"), HARMS)
def test_a_breach_is_found_once(rule: str, harm: Callable[[Broken], object]) -> None:
    project = Broken()
    harm(project)
    assert rules(project) == [rule]


def test_every_rule_has_an_example() -> None:
    measured = {"key", "enum", "range"}  # tests/contracts/test_lint_coverage.py
    assert {rule for rule, _ in HARMS} | measured | ON_DATA | {"exception"} == RULES


def test_a_wrong_prefix_in_a_layer_that_has_its_own_is_red() -> None:
    project = Broken()
    named("int", "accounts")(project)
    assert findings(project) == [
        "models/intermediate/core/accounts.sql: prefix: begin the name with int_"
    ]


def test_a_finding_names_file_rule_and_remedy() -> None:
    project = Broken()
    reads("mart", "model.o2r.stg_sales")(project)
    project.crm["freshness"] = None
    column("active", "boolean")(project)
    assert findings(project) == [
        "models/marts/revenue/sales_summary.sql: active: column-name: "
        "a boolean is named is_ or has_, and nothing else is; this is boolean",
        "models/marts/revenue/sales_summary.sql: staging-in-mart: "
        "read fct_sales instead of stg_sales",
        "models/staging/crm/_sources.yml: accounts: freshness: "
        "say after how long it is late: config.freshness",
    ]


def test_arrows_that_skip_a_layer_or_read_seeds_pass() -> None:
    project = Broken()
    reads("mart", "seed.o2r.targets", "model.o2r.int_accounts")(project)
    reads("dim", "model.o2r.stg_accounts")(project)
    assert findings(project) == []


def test_a_mart_reads_staging_of_which_there_is_no_fact() -> None:
    project = Broken()
    reads("mart", "model.o2r.stg_accounts")(project)
    assert findings(project) == []


def test_staging_warns_of_values_that_the_source_decides() -> None:
    project = Broken()
    words = {"plan_tier": ["free"]}
    project.tests.append(generic_test(project.stg, "valid_rows", "warn", one_of=words))
    assert findings(project) == []


@pytest.mark.parametrize(
    ("name", "data_type"),
    [
        ("created_at", "timestamp"),
        ("week_start", "date"),
        ("date_day", "date"),
        ("ends_date", "date"),
        ("has_paid", "boolean"),
        ("sale_count", "bigint"),
        ("growth_pct", "numeric(18,6)"),
        ("is_live", "boolean"),
    ],
)
def test_column_names_that_tell_their_type_pass(name: str, data_type: str) -> None:
    project = Broken()
    column(name, data_type)(project)
    assert findings(project) == []


def test_an_exception_with_a_reason_excuses_one_rule_of_one_thing() -> None:
    project = Broken()
    active = project.add_column(project.mart, "active", "boolean")
    project.add_column(project.mart, "live", "boolean")
    active["config"]["meta"] = {"lint": {"column-name": "the field's own word"}}
    assert [line.split(": ")[1:3] for line in findings(project)] == [["live", "column-name"]]


@pytest.mark.parametrize(
    ("lint", "words"),
    [
        ({"column-name": ""}, "give the reason"),
        ({"column-name": None}, "give the reason"),
        ({"column-names": "as we like"}, "column-names finds nothing here"),
        ({"grain": "as we like"}, "grain finds nothing here"),
    ],
)
def test_an_exception_without_reason_or_use_is_red(lint: dict[str, str], words: str) -> None:
    project = Broken()
    project.add_column(project.mart, "active", "boolean")["config"]["meta"] = {"lint": lint}
    found = findings(project)
    assert len(found) == 2
    assert any("exception: " + words in line for line in found)


@pytest.mark.parametrize(
    ("sql", "named_there"),
    [
        ("select 1 from mart_gold.dim_date join ops.load_batches", 2),
        ('select 1 from "o2r"."mart_gold"."dim_date"', 1),
        ("from {{ ref('a') }} as b where b.c is distinct from b.d -- from a.b", 0),
        (
            "extract(day from a.b), trim(both ' ' from a.c), 'from a.d' from a {# from a.e #}",
            0,
        ),
    ],
)
def test_named_schemas(sql: str, named_there: int) -> None:
    assert len(named_schemas(sql)) == named_there
