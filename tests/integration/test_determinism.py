"""The same bronze and the same as-of day give the same gold, cell by cell, however it is built."""

import re
from collections.abc import Callable, Iterator

import pytest
from tests.metrics.warehouse import (
    clone,
    dev_gold,
    execute,
    frame,
    gold_hashes,
    run_models,
    small_gold,
)

from o2r.settings import Settings

CLOCKS = re.compile(
    r"\b(now\s*\(|current_date|current_time|current_timestamp|localtime|clock_timestamp|"
    r"statement_timestamp|transaction_timestamp|timeofday|getdate|sysdate|random\s*\(|"
    r"gen_random_uuid|uuidv7)",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def reference(new_database: Callable[[], Settings]) -> dict[str, str]:
    """Hashes of the small company's gold, built once in UTC for target prod."""
    hashes = gold_hashes(small_gold(new_database))
    assert len(hashes) >= 38
    assert None not in hashes.values(), "an empty table would prove nothing"
    return hashes


@pytest.fixture(scope="module")
def copy(new_database: Callable[[], Settings]) -> Settings:
    return clone(small_gold(new_database), "small_rebuilt")


@pytest.fixture
def elsewhere(copy: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both ends of the connection far from UTC, on different sides of it."""
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    execute(copy, f"alter database {copy.database} set timezone = 'Asia/Tokyo'")
    yield
    execute(copy, f"alter database {copy.database} reset timezone")


def test_built_in_full_from_rows_in_another_order_elsewhere(
    copy: Settings, reference: dict[str, str], elsewhere: None
) -> None:
    tables = frame(
        copy,
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where nspname = 'raw_bronze' and relkind in ('r', 'p') and not relispartition",
    )["relname"]
    first = "select md5(string_agg(request_id, '')) from (select request_id from raw_bronze."
    first += "inference_user_token_usage_proprietary_y2026m11 limit 100) as rows"
    before = frame(copy, first).iloc[0, 0]
    for table in tables:
        execute(
            copy,
            f"create temporary table shuffled as select * from raw_bronze.{table} "
            f"order by random(); truncate raw_bronze.{table}; "
            f"insert into raw_bronze.{table} select * from shuffled; drop table shuffled",
        )
    assert frame(copy, first).iloc[0, 0] != before, "the rows lie as before"
    run_models(copy, "--full-refresh")
    assert gold_hashes(copy) == reference


def test_target_dev_a_year_later(
    new_database: Callable[[], Settings], reference: dict[str, str]
) -> None:
    """Another target, rows that arrived in another year, the as-of day told by the variable."""
    dev = dev_gold(new_database)
    assert gold_hashes(dev, "dbt_dev_mart_gold") == reference
    assert gold_hashes(dev) == reference, "the build for dev has changed prod"


def test_no_compiled_statement_asks_for_the_time_or_for_chance(
    new_database: Callable[[], Settings],
) -> None:
    small = small_gold(new_database)
    compiled = small.home / "dbt" / f"{small.database}_prod" / "target" / "run"
    files = sorted(path for path in compiled.rglob("*.sql") if path.is_file())
    models = {
        path.name
        for path in (small.dbt_dir / "models").rglob("*.sql")
        if "materialized='ephemeral'" not in path.read_text()
    }
    assert models <= {path.name for path in files}
    asking = {}
    for path in files:
        statement = re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", " ", path.read_text(), flags=re.S)
        if found := CLOCKS.search(statement):
            asking[path.name] = found.group()
    assert asking == {}


@pytest.mark.parametrize("word", ["now()", "CURRENT_DATE", "clock_timestamp()", "random ()"])
def test_the_search_for_clocks_finds_one(word: str) -> None:
    assert CLOCKS.search(f"select {word}")


def test_the_hash_sees_one_changed_cell(copy: Settings, reference: dict[str, str]) -> None:
    execute(
        copy,
        "update mart_gold.metric_values set value = value + 0.000001 where metric_value_key = "
        "(select min(metric_value_key) from mart_gold.metric_values)",
    )
    changed = gold_hashes(copy)
    assert {name for name in reference if changed[name] != reference[name]} == {"metric_values"}
