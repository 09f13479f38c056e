"""The contracts agree with staging and seeds; o2r.lint.contracts says what each lacks."""

import re
from pathlib import Path

import pytest
import yaml

from o2r.contracts import load_contracts

DBT_DIR = Path(__file__).parents[2] / "dbt"
CONTRACTS = load_contracts(DBT_DIR)


def test_the_words_of_staging_are_those_of_the_contracts():
    """What `one_of` lists in staging is what the loader lets in, column by column."""
    listed = {}
    for path in sorted(DBT_DIR.glob("models/staging/*/stg_*.sql")):
        table = re.search(r"(?:delivered\('\w+', |staged_requests\()'(\w+)'", path.read_text())[1]
        models = yaml.safe_load((path.parent / "_models.yml").read_text())["models"]
        [model] = [one for one in models if one["name"] == path.stem]
        for test in model["data_tests"]:
            words = test.get("valid_rows", {}).get("arguments", {}).get("one_of", {})
            listed |= {(table, name): {*values} - {"Unknown"} for name, values in words.items()}
    stated = {
        (table, column.name): {*column.words}
        for table, contract in CONTRACTS.items()
        for column in contract.columns
        if column.words
    }
    computed = {("resource_model_utilization", "utilization_band")}
    of_a_seed = {("deal_stage_history", "new_stage")}
    with_others = {("revenue_account_daily", "billing_type")}  # marts sum what is of another type
    known = listed.keys() - computed - of_a_seed - with_others
    assert {key: listed[key] for key in known} == stated


def test_values_known_from_a_seed_name_one_that_is_there():
    seeds = [column.known_from for one in CONTRACTS.values() for column in one.columns]
    for seed, column in filter(None, seeds):
        header = seed.read_text().splitlines()[0]
        assert column in header.split(",")


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.table)
def test_what_can_be_corrected_is_in_no_key(contract):
    """A corrected state or amount must replace the wrong one, not stand beside it."""
    types = {column.name: column.data_type for column in contract.columns}
    for name in contract.business_key:
        assert not types[name].startswith(("numeric", "bool")), name
        if (contract.table, name) == ("sla_targets", "priority"):
            continue  # what is promised for, not a state of something
        assert not {"status", "stage", "severity", "priority", "action"} & set(name.split("_")), (
            name
        )
