"""The contracts are complete and sound in themselves."""

from pathlib import Path

import pytest

from o2r.bronze.contracts import BOOKKEEPING, load_contracts

CONTRACTS = load_contracts(Path(__file__).parents[2] / "dbt")
TYPES = {
    "text",
    "boolean",
    "integer",
    "bigint",
    "numeric(18,6)",
    "date",
    "timestamp",
    "timestamptz",
}


def test_every_table_of_the_project_has_a_contract():
    assert len(CONTRACTS) == 27


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.table)
def test_contract(contract):
    names = [column.name for column in contract.columns]
    assert len(set(names)) == len(names)
    assert not set(names) & set(BOOKKEEPING)
    assert {column.data_type for column in contract.columns} <= TYPES
    required = {column.name for column in contract.columns if column.required}
    assert set(contract.business_key) <= required
    if contract.partition_column:
        types = {column.name: column.data_type for column in contract.columns}
        assert types[contract.partition_column] == "timestamptz"
        assert contract.partition_column in required
    assert all(column.description for column in contract.columns)


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.table)
def test_alias_names_one_column_and_no_other(contract):
    aliases = [alias for column in contract.columns for alias in column.aliases]
    assert len(set(aliases)) == len(aliases)
    assert not set(aliases) & {column.name for column in contract.columns}
