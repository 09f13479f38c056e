"""Companies built by another engine from the files of the lake: DuckDB, or --engine spark."""

import json
from collections.abc import Callable, Iterator
from unittest.mock import patch

import pyarrow as pa
import pytest
from tests.engines import build_on, differing_cells, unit_tests
from tests.metrics.warehouse import chapter12_gold, clone, execute, frame, gold_hashes

from o2r.builds.run import work_dir
from o2r.errors import UserError
from o2r.health import WRONG, examine
from o2r.lake import build as lake_build
from o2r.lake.build import publish_from
from o2r.lake.engines import engine_of
from o2r.lake.export import export, lake_of
from o2r.settings import Settings
from o2r.warehouse.query import Session

REQUESTS = "raw_bronze.inference_user_token_usage_open_source"
ODD = 'another "tool", \\ \n'
READERS = """
select table_name, grantee from information_schema.role_table_grants
where table_schema = 'mart_gold' and privilege_type = 'SELECT' order by 1, 2
"""


@pytest.fixture(scope="module")
def built(small: Settings, engine_name: str) -> Settings:
    """A copy of the small company, dirt and all, that the engine has built beside PostgreSQL."""
    settings = clone(small, "small_on_engine")
    build_on(settings, engine_name)
    return settings


@pytest.fixture(scope="module")
def bronze(small: Settings) -> Iterator[Settings]:
    """Another copy, exported once, whose bronze may be changed."""
    settings = clone(small, "small_to_export")
    exported(settings)
    return settings


def exported(settings: Settings) -> tuple[int, int]:
    """Days and rows that an export has written."""
    with Session(settings) as session:
        done = export(session, lake_of(settings))
    return done.days, done.rows


def note_as_passed(settings: Settings, engine_name: str) -> None:
    """Have it that a build, begun now, has passed its tests."""
    with Session(settings) as session:
        state = lake_build.fingerprint(session, [])
        note = json.dumps([state, lake_build.start(session)], default=str)
    (work_dir(settings, engine_name) / "passed.json").write_text(note)


def test_every_cell_is_that_of_postgres(built: Settings, engine_name: str) -> None:
    cells, differing = differing_cells(built, engine_name)
    assert not differing, "\n".join(map(str, differing))
    assert cells > 1_000_000


def test_unit_tests_say_the_same(
    built: Settings, engine_name: str, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--engine-units"):
        pytest.skip("some 300 statements: `make test-cluster` runs them")
    count, failed = unit_tests(built, engine_name)
    assert count > 250
    assert failed == []


def test_a_cell_that_differs_is_found(built: Settings, engine_name: str) -> None:
    engine = type(engine_of(built, engine_name))
    original = engine.read

    def altered(*arguments: str) -> Iterator[pa.RecordBatch]:
        rows = original(*arguments)
        yield next(rows)
        for batch in rows:
            place = batch.schema.get_field_index("plan_tier")
            yield batch.set_column(place, "plan_tier", pa.array(["other"] * len(batch)))

    with patch.object(engine, "read", altered):
        _, [found] = differing_cells(built, engine_name, "dim_plan_tier_history")
    assert found.columns == ["plan_tier"]
    assert found.only_engine == found.only_postgres > 0


def test_what_is_handed_back_is_served_like_what_postgres_has_built(
    built: Settings, engine_name: str
) -> None:
    with pytest.raises(UserError, match=f"no build on {engine_name} has passed its tests"):
        publish_from(built, engine_name, say=print)
    hashes, readers = gold_hashes(built), frame(built, READERS)
    execute(built, "create view public.mine as select count(*) as n from mart_gold.metric_values")

    wrong = "update raw_bronze.revenue_account_daily set discount_amount = discount_amount + 1"
    execute(built, wrong)
    note_as_passed(built, engine_name)
    with pytest.raises(UserError, match="gold is as it was: bronze, silver and gold differ"):
        publish_from(built, engine_name, say=print)
    execute(built, wrong.replace("+ 1", "- 1"))
    with pytest.raises(UserError, match=f"not that of the build on {engine_name}"):
        publish_from(built, engine_name, say=print)
    note_as_passed(built, engine_name)
    assert gold_hashes(built) == hashes

    execute(built, "delete from mart_gold.metric_values")
    with patch.object(lake_build, "make", side_effect=AssertionError("built again")):
        lake_build.build_with(built, engine_name)
    assert gold_hashes(built) == hashes
    assert frame(built, READERS).equals(readers)
    findings = [one for one in examine(built) if one.area == "tables" and one.state == WRONG]
    assert findings == []
    assert frame(built, "select n from public.mine").iloc[0, 0] > 0
    states = frame(
        built,
        "select is_current, outcome, (select count(*) from intermediate_silver.int_change_log) "
        "from ops.builds order by build_id desc limit 1",
    )
    assert list(states.iloc[0])[:2] == [True, "succeeded"]
    assert states.iloc[0, 2] > 0


def test_only_days_that_hold_something_else_are_written_again(bronze: Settings) -> None:
    assert exported(bronze) == (0, 0)
    day = "2026-11-03"
    of_day = f"cast(timezone('UTC', event_timestamp) as date) = '{day}'"
    [(count,)] = frame(bronze, f"select count(*) from {REQUESTS} where {of_day}").values
    execute(
        bronze,
        f"insert into {REQUESTS} select (jsonb_populate_record(r, "
        f"'{json.dumps({'request_id': ODD, 'api_name': '', 'batch_id': None})}')).* "
        f"from {REQUESTS} as r where {of_day} limit 1",
    )
    assert exported(bronze) == (1, count + 1)
    files = lake_of(bronze).files
    place = f"inference_user_token_usage_open_source/day={day}"
    rows = pa.dataset.dataset(place, filesystem=files).to_table().to_pylist()
    assert [row["api_name"] for row in rows if row["request_id"] == ODD] == [""]

    execute(bronze, f"delete from {REQUESTS} where {of_day}")
    execute(bronze, "update ops.load_batches set checksum = checksum || 'x'")
    assert exported(bronze) == (0, 0)
    assert not files.get_file_info(place).is_file
    assert "day=2026-11-03" not in {
        info.base_name for info in files.get_file_info(pa.fs.FileSelector(place.rpartition("/")[0]))
    }


def test_a_killed_export_is_done_again(bronze: Settings) -> None:
    execute(bronze, "update raw_bronze.support_tickets set category = 'other'")
    execute(bronze, "update ops.load_batches set checksum = checksum || 'y'")
    with (
        patch("o2r.lake.export.ds.write_dataset", side_effect=OSError("disk full")),
        pytest.raises(UserError, match="support_tickets: disk full"),
    ):
        exported(bronze)
    days, rows = exported(bronze)
    assert (days, rows > 0) == (1, True)
    assert exported(bronze) == (0, 0)


def test_every_cell_of_the_book_is_that_of_postgres(
    new_database: Callable[[], Settings], engine_name: str
) -> None:
    settings = clone(chapter12_gold(new_database), "chapter12_on_engine")
    build_on(settings, engine_name)
    cells, differing = differing_cells(settings, engine_name)
    assert not differing, "\n".join(map(str, differing))
    assert cells > 10_000
