"""Every flag of gold can be true and can be false.

`is_complete` is none: it says whether a period is observed whole, and some marts hold only such;
nor is `is_government_cloud`, an attribute of a seed that no simulated region has.
"""

from collections.abc import Callable

import pytest
from tests.metrics.warehouse import clone, execute, frame, small_gold

from o2r.settings import Settings


def one_sided(settings: Settings) -> set[str]:
    """Names of the flags of gold that are true in every row that has them, or in none."""
    flags = frame(
        settings,
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'mart_gold' and data_type = 'boolean' "
        "and column_name not in ('is_complete', 'is_government_cloud')",
    )
    assert len(flags) > 20
    statement = " union all ".join(
        f"select '{table}.{column}', count(distinct {column}) from mart_gold.{table}"
        for table, column in flags.itertuples(index=False)
    )
    return {name for name, values in frame(settings, statement).to_numpy() if values < 2}


def test_every_flag_fires_and_rests(small: Settings) -> None:
    assert one_sided(small) == set()


@pytest.fixture(scope="module")
def silenced(new_database: Callable[[], Settings]) -> Settings:
    settings = clone(small_gold(new_database), "small_silenced")
    execute(settings, "update mart_gold.utilization_summary set needs_capacity_review = false")
    return settings


def test_a_flag_that_never_fires_is_found(silenced: Settings) -> None:
    assert one_sided(silenced) == {"utilization_summary.needs_capacity_review"}
