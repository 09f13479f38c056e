"""The simulated company's days ahead: held back at first, then landed day by day."""

from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from o2r.demo import live
from o2r.demo.datasets import load_dataset
from o2r.demo.run import simulate, yesterday
from o2r.errors import UserError
from o2r.settings import load_settings
from o2r.synthetic import SimulationConfig
from o2r.synthetic.columns import MICROS_PER_DAY
from o2r.synthetic.generate import life
from o2r.synthetic.knowledge import known_within
from o2r.synthetic.timeline import day_number
from o2r.synthetic.world import build_world

AHEAD = 5  # one more than today: the clock may pass midnight while the tests run
END = yesterday() - timedelta(days=3)
CHOICES = {"accounts": 6, "weeks": 2, "events": 300, "ahead": AHEAD}


@pytest.fixture(scope="module")
def company(new_database, server, tmp_path_factory):
    """Settings of a database without rows, and of a folder with a company that ends on END."""
    settings = new_database()
    simulate(settings, END.isoformat(), **CHOICES)
    return settings


@pytest.fixture
def world(company, new_database):
    """A fresh database into which the company has been loaded."""
    settings = new_database()
    load_dataset("demo", settings)
    return settings


def bronze(query, settings) -> dict[str, list]:
    """The rows of every bronze table, without what the loader adds."""
    tables = query(settings, "select distinct table_name from ops.load_batches order by 1")
    return {
        table: query(
            settings,
            f"select (to_jsonb(t) - '{{batch_id,loaded_at,source_file}}'::text[])::text "
            f"from raw_bronze.{table} as t order by 1",
        )
        for (table,) in tables
    }


def test_folder_and_days_ahead_are_the_whole_life(company):
    config = SimulationConfig(END, **CHOICES)
    told, after = day_number(END), day_number(END) + AHEAD
    rows: dict[str, list[pa.Table]] = {}
    for table, chunk in life(build_world(config)):
        rows.setdefault(table, []).append(chunk)
    last = END + timedelta(days=AHEAD)
    later = dict.fromkeys(rows, 0)
    for name, part in live._files(config, last, set()):
        later[name.split("__")[0]] += len(part)
    assert sum(later.values()) > 0
    for table, chunks in rows.items():
        everything = pa.concat_tables(chunks)
        first = pq.read_table(company.demo_dir / f"{table}.parquet")
        assert len(first) == len(known_within(everything, None, (told + 1) * MICROS_PER_DAY))
        known = known_within(everything, None, (after + 1) * MICROS_PER_DAY)
        assert len(first) + later[table] == len(known), table
        assert len(known) == len(everything), table


def test_revenue_of_the_last_told_day_is_told(company):
    revenue = pq.read_table(company.demo_dir / "revenue_account_daily.parquet")
    assert max(revenue["revenue_date"].to_pylist()) == END


def test_day_by_day_or_at_once_is_the_same_and_again_is_nothing(
    world, company, new_database, query
):
    for number in (1, 2, 3):
        assert live.land_days(world, END + timedelta(days=number))
    at_once = new_database()
    load_dataset("demo", at_once)
    live.land_days(at_once, END + timedelta(days=3))
    assert bronze(query, world) == bronze(query, at_once)
    before = bronze(query, world)
    assert live.land_days(world, END + timedelta(days=3)) == []
    assert bronze(query, world) == before
    newest = "select max(revenue_date) from raw_bronze.revenue_account_daily"
    assert query(world, newest) == [(END + timedelta(days=3),)]


def test_what_was_cut_off_is_completed(world, query):
    """A landing that was killed half-way has loaded some of its files."""
    until = END + timedelta(days=1)
    live.land_days(world, until)
    whole = bronze(query, world)
    landed = "select batch_id from ops.load_batches where source_file = %s"
    name = f"revenue_account_daily__live-{until}.parquet"
    query(
        world, f"delete from raw_bronze.revenue_account_daily where batch_id in ({landed})", [name]
    )
    query(world, "delete from ops.load_batches where source_file = %s", [name])
    assert bronze(query, world) != whole
    assert [result.source_file for result in live.land_days(world, until)] == [name]
    assert bronze(query, world) == whole


def test_what_cannot_be_landed_is_said(world, company, new_database, tmp_path):
    with pytest.raises(UserError, match="is not over yet"):
        live.land_days(world, yesterday() + timedelta(days=1))
    with pytest.raises(UserError, match="is simulated until"):
        live.land_days(world, END + timedelta(days=AHEAD + 1))
    with pytest.raises(UserError, match="run `o2r load --dataset demo`"):
        live.land_days(new_database(), yesterday())
    with pytest.raises(UserError, match="run `o2r demo`"):
        live.land_days(load_settings(home=tmp_path), yesterday())
