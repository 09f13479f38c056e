"""Every folder beside this file: small inputs, and the values that are right for them."""

import csv
import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.in_process import dbt_in_process
from tests.metrics.warehouse import execute, frame, run_models

from o2r.bronze.loader import load
from o2r.builds.run import dbt
from o2r.settings import Settings

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/case.yml"))
CASES = {folder.name: yaml.safe_load((folder / "case.yml").read_text()) for folder in FOLDERS}
TOGETHER = [name for name, case in CASES.items() if case.get("steps") != "own"]
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def worlds(new_database: Callable[[], Settings]) -> dict[date, Settings]:
    """By as-of date, the database that holds the inputs of all its cases, built once."""
    found = {}
    for as_of in {CASES[name]["as_of_date"] for name in TOGETHER}:
        settings = new_database()
        names = [name for name in TOGETHER if CASES[name]["as_of_date"] == as_of]
        for name in names:
            load(HERE / name / "input", None, "cases", settings=settings)
        select = sorted({model for name in names for model in CASES[name]["select"]})
        run_models(settings.model_copy(update={"as_of": as_of}), "--select", *select)
        found[as_of] = settings
    return found


def text(value: Any) -> str:
    """A value as expected.csv writes it: no zeros after the last digit, nothing for null."""
    if value is None:
        return ""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    return f"{number.normalize():f}" if number.is_finite() else str(value)


@pytest.mark.parametrize("name", TOGETHER)
def test_case(name: str, worlds: dict[date, Settings]) -> None:
    case = CASES[name]
    rows = frame(worlds[case["as_of_date"]], case["query"])
    with (HERE / name / "expected.csv").open() as file:
        header, *expected = csv.reader(file)
    assert list(rows.columns) == header
    found = [[text(value) for value in row] for row in rows.astype(object).to_numpy().tolist()]
    assert found == [[text(value) for value in row] for row in expected], case["says"]


def test_no_case_is_forgotten() -> None:
    folders = {path.name for path in HERE.iterdir() if path.is_dir() and path.name[0] != "_"}
    assert folders == set(CASES)
    own = {name for name, case in CASES.items() if case.get("steps") == "own"}
    assert own == set(OWN)


def test_words_of_another_vocabulary_can_be_repaired(warehouse: Settings, tmp_path: Path) -> None:
    """Kept out at the door, or stopping the build: the corrected file repairs it."""
    name = "08-wrong-status-cannot-be-repaired"
    fixed = shutil.copy(HERE / name / "fixed.csv", tmp_path / "subscriptions.csv")
    load(HERE / name / "input", None, "cases", settings=warehouse)
    load(fixed, None, "cases", settings=warehouse)
    with dbt_in_process():
        options = ["--quiet", "build", "--indirect-selection", "cautious"]
        select = ["--select", "+stg_subscription_events", "--exclude-resource-type", "unit_test"]
        assert dbt(warehouse, [*options, *select], "prod") == 0
    rows = frame(
        warehouse,
        "select count(*) from staging_silver.stg_subscription_events "
        "where status not in ('trial', 'active', 'cancelled', 'expired')",
    )
    assert rows.iloc[0, 0] == 0


def test_a_view_on_a_mart_survives_the_next_build(warehouse: Settings, tmp_path: Path) -> None:
    """It counts the flows of the first build, and then those of the second."""
    warehouse = warehouse.model_copy(update={"as_of": date(2025, 5, 14)})
    name = "11-analysts-view-vanishes"
    load(HERE / name / "input", None, "cases", settings=warehouse)
    run_models(warehouse, "--select", "+fct_flows")
    execute(
        warehouse,
        "create schema analyst; "
        "create view analyst.my_flows as select count(*) as n from mart_gold.fct_flows",
    )
    before = frame(warehouse, "select n from analyst.my_flows").iloc[0, 0]
    lines = (HERE / name / "input" / "onboarding_step_events.csv").read_text().splitlines()
    header, row = lines[:2]
    more = tmp_path / "onboarding_step_events__more.csv"
    more.write_text(f"{header}\n{row.replace('o1a', 'o9a').replace('credit1', 'credit9')}\n")
    load(more, None, "cases", settings=warehouse)
    run_models(warehouse, "--select", "+fct_flows")
    after = frame(warehouse, "select n from analyst.my_flows").iloc[0, 0]
    with (HERE / name / "expected.csv").open() as file:
        [expected] = csv.DictReader(file)
    assert {"before": str(before), "after": str(after), "view": "exists"} == expected


OWN = {
    "11-analysts-view-vanishes": test_a_view_on_a_mart_survives_the_next_build,
    "08-wrong-status-cannot-be-repaired": test_words_of_another_vocabulary_can_be_repaired,
}
