"""Clean synthetic data keep the bronze contracts, for any end date and size."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from o2r.contracts import load_contracts
from o2r.synthetic import SimulationConfig, generate
from o2r.synthetic.faults import RENAMED
from o2r.synthetic.schemas import TABLES
from o2r.synthetic.timeline import build_timeline

CONTRACTS = load_contracts(Path(__file__).parents[2] / "dbt")
END = date(2026, 11, 21)
MAY_LIE_AHEAD = {
    *("renewal_date", "cancellation_date", "effective_date", "expiry_date", "holiday_date"),
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> dict[str, pa.Table]:
    folder = tmp_path_factory.mktemp("synthetic") / "demo"
    generate(SimulationConfig(end_date=END, accounts=120, weeks=20, events=60_000), folder)
    return {name: pq.read_table(folder / f"{name}.parquet") for name in TABLES}


@pytest.mark.parametrize("name", TABLES)
def test_rows_keep_the_contract(demo, name):
    rows, contract = demo[name], CONTRACTS[name]
    assert rows.column_names == [column.name for column in contract.columns]
    assert len(rows) > 0
    for column in contract.columns:
        assert not column.required or rows[column.name].null_count == 0, column.name
    assert rows.group_by(contract.business_key).aggregate([]).num_rows == len(rows)


@pytest.mark.parametrize("name", RENAMED)
def test_renamed_columns_are_aliases_of_the_contract(name):
    aliases = {column.name: column.aliases for column in CONTRACTS[name].columns}
    assert all(other in aliases[column] for column, other in RENAMED[name].items())


@pytest.mark.parametrize("name", TABLES)
def test_nothing_lies_in_the_future(demo, name):
    midnight = datetime(END.year, END.month, END.day, tzinfo=UTC) + timedelta(days=1)
    for field in demo[name].schema:
        latest = pc.max(demo[name][field.name]).as_py()
        if latest is None or field.name in MAY_LIE_AHEAD | {"local_timestamp"}:
            continue
        if (name, field.name) == ("success_plan_goals", "due_at"):
            continue
        if field.name == "snapshot_date" and name == "revenue_account_daily":
            assert latest == END + timedelta(days=1)
        elif pa.types.is_date(field.type):
            assert latest <= END, field.name
        elif pa.types.is_timestamp(field.type):
            assert latest < midnight, field.name


@pytest.mark.parametrize(
    ("end", "weeks", "accounts", "events"),
    [
        (date(2026, 12, 31), 1, 3, 100),
        (date(2027, 1, 1), 2, 3, 100),
        (date(2024, 2, 29), 60, 2, 500),
        (date(2025, 3, 2), 3, 1, 0),
    ],
)
def test_any_end_date_and_size(tmp_path, end, weeks, accounts, events):
    config = SimulationConfig(end_date=end, weeks=weeks, accounts=accounts, events=events)
    manifest = generate(config, tmp_path / "demo")
    assert len(manifest.files) == len(TABLES) + 1
    samples = pq.read_table(tmp_path / "demo" / "resource_accelerator_inventory.parquet")
    moments = samples["event_timestamp"].cast(pa.date32())
    assert pc.max(moments).as_py() == end
    assert pc.min(moments).as_py() == end - timedelta(days=7 * weeks - 1)
    timeline = build_timeline(config)
    first = date(1970, 1, 1) + timedelta(days=timeline.money_start)
    assert first == min(date(end.year, 1, 1), end - timedelta(days=7 * weeks - 1))
    assert (date(1970, 1, 1) + timedelta(days=timeline.origin)).isoweekday() == 1
