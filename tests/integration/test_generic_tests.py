"""The generic tests of dbt/tests/generic pass on good rows and count the bad ones."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from o2r.settings import Settings
from o2r.warehouse import environment

DBT_DIR = Path(__file__).parents[2] / "dbt"

ROWS = """
select 1 as a, 10 as b, 'x' as c, cast(1.5 as numeric(18, 6)) as d, 1.0 as e, 1 as k,
    cast(null as integer) as n
union all select 5, null, 'y', 'NaN', null, 2, null
union all select 9, -1, null, null, 2, 2, null
"""

WITHIN = {
    "both_sides": ({"a": [1, 9]}, "pass"),
    "one_side": ({"a": [1, None], "b": [None, 10]}, "pass"),
    "null_passes": ({"b": [-1, 10]}, "pass"),
    "fraction": ({"a": [0.5, 9.5]}, "pass"),
    "below": ({"a": [2, None]}, 1),
    "above": ({"a": [1, 4]}, 2),
    "second_column": ({"a": [1, 9], "b": [0, None]}, 1),
    "null_beside_a_breach": ({"b": [0, 10], "a": [6, 9]}, 3),
}
NAMED = """
select -1 as sale_count, 101.0 as share_pct, 0 as rank_overall, -500.0 as growth_pct,
    -5.0 as net_revenue, -3 as credit_count, 'x' as customer_count_name, 'week' as grain,
    date '2026-01-05' as week_start, date '2026-01-06' as period_start,
    date '2026-01-01' as month_start, date '2026-02-02' as fiscal_year_start
"""
OF_NAME = {
    "sale_count": ("integer", 1),
    "share_pct": ("numeric(18,6)", 1),
    "rank_overall": ("integer", 1),
    "growth_pct": ("numeric(18,6)", "pass"),
    "net_revenue": ("numeric(18,6)", "pass"),
    "credit_count": ("integer", "pass"),
    "customer_count_name": ("text", "pass"),
    "grain": ("text", "pass"),
    "week_start": ("date", "pass"),
    "period_start": ("date", 1),
    "month_start": ("date", "pass"),
    "fiscal_year_start": ("date", 1),
}
"""Type of each column of NAMED, and how the bounds of its name fare (credit_count has none)."""
CLAIMS = {
    "not_null_holds": ({"not_null": ["a"]}, "pass"),
    "not_null_several": ({"not_null": ["a", "b", "c"]}, 2),
    "finite_holds": ({"finite": ["a", "e"]}, "pass"),
    "finite_nan": ({"finite": ["e", "d"]}, 1),
    "words_hold": ({"one_of": {"c": ["x", "y", "it's"]}}, "pass"),
    "words_of_numbers": ({"one_of": {"a": [1, 5, 9]}}, "pass"),
    "word_missing": ({"one_of": {"c": ["x"]}}, 1),
    "holds": ({"holds": {"a_above_b": "a > b or b > a"}}, "pass"),
    "holds_not": ({"holds": {"b_above_a": "b > a"}}, 1),
    "key_holds": ({"key": ["a"]}, "pass"),
    "key_of_two": ({"key": ["a", "e"]}, 1),
    "key_null": ({"key": ["c"]}, 1),
    "key_repeated": ({"key": ["k"]}, 2),
    "key_repeated_and_null": ({"key": ["k"], "not_null": ["c"]}, 3),
    "unique_holds": ({"unique": ["c"]}, "pass"),
    "unique_null_repeated": ({"unique": ["n"]}, 3),
    "key_and_unique": ({"key": ["a"], "unique": ["k"]}, 2),
    "all_at_once": ({"key": ["k"], "not_null": ["b"], "one_of": {"c": ["x"]}}, 3),
}
"""Claims of valid_rows about ROWS, and how many rows break them; k and n are repeated."""
PERSONAL = {"name": "c", "config": {"meta": {"pii": "name"}}}


def dbt(command: str, settings: Settings, folder: Path, tests: list[dict]) -> str:
    """Run dbt in a project of one model with these tests; return what it printed."""
    shutil.copytree(DBT_DIR / "tests" / "generic", folder / "tests" / "generic")
    shutil.copy(DBT_DIR / "profiles" / "profiles.yml", folder)
    (folder / "models").mkdir()
    (folder / "macros").mkdir()
    for name in ("engines/dispatch", "engines/postgres", "failing_rows", "ranges"):
        shutil.copy(DBT_DIR / "macros" / f"{name}.sql", folder / "macros")
    (folder / "models" / "rows.sql").write_text(ROWS)
    (folder / "models" / "named.sql").write_text(NAMED)
    columns = [{"name": name, "data_type": kind} for name, (kind, _) in OF_NAME.items()]
    columns[5]["config"] = {"meta": {"lint": {"range": "a credit"}}}
    only = [
        {"valid_rows": {"name": f"of_name_{name}", "arguments": {"within": ranges}}}
        for name in OF_NAME
        for ranges in [{other: None for other in OF_NAME if other != name}]
    ]
    described = {
        "models": [
            {"name": "rows", "data_tests": tests},
            {"name": "named", "data_tests": only, "columns": columns},
        ],
        "sources": [{"name": "crm", "tables": [{"name": "contacts", "columns": [PERSONAL]}]}],
    }
    (folder / "models" / "_models.yml").write_text(yaml.safe_dump(described, sort_keys=False))
    (folder / "dbt_project.yml").write_text(
        "{name: o2r, version: '1.0', profile: o2r, on-run-end: '{{ show_failing_rows(results) }}'}"
    )
    done = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "--no-use-colors", command],
        env=os.environ | environment(settings) | {"DBT_TARGET": "ci"},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def results(
    module_warehouse: Settings, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str | int]:
    """Status of each test: pass, or the number of failures."""
    folder = tmp_path_factory.mktemp("generic")
    claims = {f"within_{name}": {"within": ranges} for name, (ranges, _) in WITHIN.items()}
    claims |= {name: arguments for name, (arguments, _) in CLAIMS.items()}
    tests = [
        {"valid_rows": {"name": name, "arguments": arguments}} for name, arguments in claims.items()
    ]
    printed = dbt("build", module_warehouse, folder, tests)
    ran = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    assert len(ran) == 3 + len(tests) + len(OF_NAME), printed
    return {"printed": printed} | {
        result["unique_id"].split(".")[2]: result["failures"]
        if result["status"] == "fail"
        else result["status"]
        for result in ran
    }


def test_the_first_rows_of_a_failing_test_are_printed_its_problem_first(
    results: dict[str, str | int],
) -> None:
    said = str(results["printed"]).partition("FAIL within_null_beside_a_breach: 3 rows\n")[2]
    assert said.splitlines()[:3] == [
        "    problem: a is below 6, a: 1, b: 10, c: (personal), d: 1.500000, e: 1.0, k: 1, n: null",
        "    problem: a is below 6, a: 5, b: null, c: (personal), d: NaN, e: null, k: 2, n: null",
        "    problem: b is below 0, b: -1, a: 9, c: null, d: null, e: 2, k: 2, n: null",
    ]


@pytest.mark.parametrize("name", WITHIN)
def test_within(results: dict[str, str | int], name: str) -> None:
    assert results[f"within_{name}"] == WITHIN[name][1]


@pytest.mark.parametrize("name", OF_NAME)
def test_bounds_of_a_name(results: dict[str, str | int], name: str) -> None:
    assert results[f"of_name_{name}"] == OF_NAME[name][1]


@pytest.mark.parametrize("name", CLAIMS)
def test_claims(results: dict[str, str | int], name: str) -> None:
    assert results[name] == CLAIMS[name][1]


@pytest.mark.parametrize("bounds", [[None, None], [1]])
def test_bounds_that_cannot_fail_are_an_error(
    module_warehouse: Settings, tmp_path: Path, bounds: list[int | None]
) -> None:
    tests = [{"valid_rows": {"name": "rows", "arguments": {"within": {"a": bounds}}}}]
    printed = dbt("parse", module_warehouse, tmp_path, tests)
    assert "a needs [lowest, highest], one of them not null" in printed
