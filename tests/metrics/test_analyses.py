"""The analyses compile, run on the small company and answer with rows."""

from pathlib import Path

import pytest
from tests.in_process import dbt_in_process
from tests.metrics.warehouse import frame

from o2r.builds.run import dbt
from o2r.settings import Settings

FILES = sorted((Path(__file__).resolve().parents[2] / "dbt" / "analyses").glob("*.sql"))


@pytest.fixture(scope="module")
def compiled(small: Settings) -> dict[str, str]:
    with dbt_in_process():
        assert dbt(small, ["--quiet", "compile", "--select", "resource_type:analysis"]) == 0
    folder = small.home / "dbt" / f"{small.database}_prod" / "target" / "compiled" / "o2r"
    return {path.stem: path.read_text() for path in (folder / "analyses").glob("*.sql")}


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_it_answers(small: Settings, compiled: dict[str, str], name: str) -> None:
    rows = frame(small, compiled[name])
    assert len(rows) > 0
    assert not rows.iloc[:, 0].isna().any()


def test_revenue_by_tier_adds_up_to_the_fact(small: Settings, compiled: dict[str, str]) -> None:
    rows = frame(small, compiled["revenue_by_plan_tier_then_and_now"])
    total = frame(small, "select sum(net_revenue) from mart_gold.fct_revenue_daily").iloc[0, 0]
    assert rows["net_revenue_then"].sum() == rows["net_revenue_now"].sum() == total
    assert (rows["net_revenue_then"] != rows["net_revenue_now"]).any()
