"""docs/pitfalls.md names a test for every known fault, and every test it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "pitfalls.md").read_text("utf-8")
FAULT = re.compile(r"^(\d+)\. \*\*(.+?)\*\*(.*?)(?=^\d+\. |^#|\Z)", re.MULTILINE | re.DOTALL)


def faults(page: str) -> list[tuple[int, str, list[str]]]:
    """Number, fault and named tests of every entry."""
    return [
        (int(number), fault, re.findall(r"^ +- `([^`]+)`$", rest, re.MULTILINE))
        for number, fault, rest in FAULT.findall(page)
    ]


@cache
def pytest_names() -> set[str]:
    return {
        f"{path.relative_to(ROOT).as_posix()}::{node.name}"
        for path in ROOT.glob("tests/**/test_*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@cache
def dbt_names() -> list[str]:
    """Unit tests and singular tests of the dbt project."""
    files = [yaml.safe_load(path.read_text("utf-8")) for path in ROOT.glob("dbt/models/**/*.yml")]
    units = [test["name"] for file in files for test in file.get("unit_tests", ())]
    return units + [path.stem for path in ROOT.glob("dbt/tests/singular/*.sql")]


def test_every_fault_is_there_once_in_order() -> None:
    found = faults(PAGE)
    assert [number for number, _, _ in found] == list(range(1, PAGE.count(". **") + 1))
    assert len({fault for _, fault, _ in found}) == len(found)


@pytest.mark.parametrize(
    ("number", "tests"), [pytest.param(n, tests, id=str(n)) for n, _, tests in faults(PAGE)]
)
def test_its_tests_exist(number: int, tests: list[str]) -> None:
    assert tests
    assert len(set(tests)) == len(tests)
    assert set(tests) - pytest_names() - set(dbt_names()) == set()


def test_a_name_is_one_test() -> None:
    names = dbt_names()
    assert {name for name in names if names.count(name) > 1} == set()


def test_every_bullet_is_a_test_or_says_what_is_missing() -> None:
    bullets = re.findall(r"^ +- .*$", PAGE, re.MULTILINE)
    named = sum(len(tests) for _, _, tests in faults(PAGE))
    later = [bullet for bullet in bullets if bullet.lstrip().startswith("- later: ")]
    assert len(bullets) == named + len(later)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. **A fault.**\n   - `tests/a.py::test_b`\n", [(1, "A fault.", ["tests/a.py::test_b"])]),
        (
            "## Some\n\n1. **A.**\n   - `test_a`\n2. **B.**\n   - later: a part\n\n## Others\n",
            [(1, "A.", ["test_a"]), (2, "B.", [])],
        ),
    ],
)
def test_reading_of_entries(text: str, expected: list) -> None:
    assert faults(text) == expected
