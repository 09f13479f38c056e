"""Gold of the small company, its metric values, and the same values computed by other means."""

from collections.abc import Callable

import pandas as pd
import pytest
from tests.metrics.recompute import Company, recompute
from tests.metrics.warehouse import frame, small_gold

from o2r.settings import Settings


@pytest.fixture(scope="session")
def small(new_database: Callable[[], Settings]) -> Settings:
    """Warehouse of the small company; read only."""
    return small_gold(new_database)


@pytest.fixture(scope="session")
def metric_values(small: Settings) -> pd.DataFrame:
    """mart_gold.metric_values with floats and timestamps."""
    rows = frame(small, "select * from mart_gold.metric_values")
    numbers = ["value", "numerator", "denominator"]
    rows[numbers] = rows[numbers].astype(float)
    return rows.assign(period_start=pd.to_datetime(rows["period_start"]))


@pytest.fixture(scope="session")
def catalog(small: Settings) -> pd.DataFrame:
    """mart_gold.metric_catalog, index metric."""
    return frame(small, "select * from mart_gold.metric_catalog").set_index("metric")


@pytest.fixture(scope="session")
def company(small: Settings) -> Company:
    """The small company as pandas reads it from bronze."""
    return Company(small)


@pytest.fixture(scope="session")
def recomputed(company: Company) -> pd.DataFrame:
    """The values that `recompute` finds in bronze."""
    return recompute(company)
