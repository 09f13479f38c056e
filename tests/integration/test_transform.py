"""Running dbt through `o2r.builds.run`: what it reports, and what it records."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from tests.in_process import dbt_in_process
from tests.integration.small_project import small_project

from o2r.builds.fingerprint import fingerprint
from o2r.builds.run import build, dbt
from o2r.demo.run import headline
from o2r.errors import UserError
from o2r.metricflow import mf
from o2r.warehouse.query import Session

ONE_MODEL = ["--select", "int_as_of"]
BATCH = (
    "insert into ops.load_batches (dataset, source_file, table_name, checksum, received, "
    "inserted, duplicate, quarantined, loaded_at, started_at, finished_at) "
    "values ('files', 'f', 'invoices', 'c', 0, 0, 0, 0, now(), now(), now())"
)


@pytest.fixture
def small(warehouse, tmp_path):
    return small_project(tmp_path, warehouse)


@pytest.fixture
def in_process():
    with dbt_in_process():
        yield


def test_an_unknown_target_is_named(warehouse):
    with pytest.raises(UserError, match="unknown target 'staging'"):
        build(warehouse, "staging")


def test_a_failing_build_is_an_error_and_is_recorded_as_one(small, query, capfd):
    (small.dbt_dir / "models" / "broken.sql").write_text("select no_such_column")
    failing = small.dbt_dir / "tests" / "singular" / "assert_in_time.sql"
    failing.write_text("select 7 as days, 'too late' as problem")
    loops = failing.with_name("assert_no_table_is_searched_for_each_row.sql")
    loops.write_text("select 1 as row where current_setting('enable_nestloop') = 'on'")
    with pytest.raises(UserError, match="dbt build of target dev failed") as failure:
        build(small, "dev", ["--select", "broken", failing.stem, loops.stem], quiet=True)
    said = capfd.readouterr().out
    assert loops.stem not in said
    assert "no_such_column" in said
    assert "FAIL assert_in_time: 1 rows\n    problem: too late, days: 7\n" in said
    assert query(
        small,
        "select kind, outcome, message, finished_at > started_at, is_current from ops.builds",
    ) == [("build", "failed", str(failure.value), True, False)]


@pytest.mark.usefixtures("in_process")
def test_a_build_is_repeated_only_when_something_changed(small, query):
    assert build(small, "dev", ONE_MODEL, quiet=True, only_if_changed=True)
    assert not build(small, "dev", ONE_MODEL, quiet=True, only_if_changed=True)
    assert build(small, "ci", ONE_MODEL, quiet=True, only_if_changed=True)
    query(small, BATCH)
    assert build(small, "dev", ONE_MODEL, quiet=True, only_if_changed=True)
    assert len(query(small, "select * from ops.builds")) == 3


@pytest.mark.usefixtures("in_process")
def test_a_build_without_news_says_what_it_looked_at(small, query):
    said = []
    news = {"quiet": True, "only_if_changed": True, "say": said.append}
    assert build(small, "dev", ONE_MODEL, **news)
    assert said == []
    assert not build(small, "dev", ONE_MODEL, **news)
    assert re.fullmatch(r"nothing new since build 1 of .* UTC: .*, 1 tables are there .*", said[0])
    assert build(small, "dev", [*ONE_MODEL, "--full-refresh"], **news)
    assert build(small, "dev", ONE_MODEL, **news)
    query(small, "drop table dbt_dev_intermediate_silver.int_as_of cascade")
    assert build(small, "dev", ONE_MODEL, **news), "a table is gone"


INVOICE = (
    "insert into raw_bronze.invoices (invoice_id, account_id, invoice_date, amount, currency, "
    "status, last_updated, loaded_at) values ('i', 'a', '2026-01-01', 1, 'USD', 'paid', "
    "'2026-01-01Z', {})"
)


def state_of(settings) -> str:
    with Session(settings) as session:
        return fingerprint(session, [])


def test_whatever_touches_bronze_is_news(small, query):
    """By another tool, long after it or ahead of the clock, and by hand."""
    query(small, BATCH)
    seen = state_of(small)
    for statement in (
        INVOICE.format("now()"),
        INVOICE.format("'2001-01-01Z'"),
        INVOICE.format("now() + interval '9 days'"),
        "update raw_bronze.invoices set amount = 2",
        "delete from raw_bronze.invoices where loaded_at > now()",
        "truncate raw_bronze.invoices",
    ):
        query(small, statement)
        now = state_of(small)
        assert now != seen, statement
        seen = now
    assert state_of(small) == seen


def test_who_builds_when_and_with_which_settings_of_dbt_is_news(small, monkeypatch):
    before = state_of(small)
    (small.dbt_dir / "profiles.yml").write_text("{connection: of another server}")
    assert state_of(small) == before
    for name, value in {"USER": "somebody", "DBT_USER": "ann", "DBT_EMPTY": "1"}.items():
        with monkeypatch.context() as environment:
            environment.setenv(name, value)
            assert state_of(small) != before, name
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with patch("o2r.builds.fingerprint.datetime", SimpleNamespace(now=lambda _: tomorrow)):
        assert state_of(small) != before


@pytest.mark.usefixtures("in_process")
def test_a_run_that_failed_or_was_partial_takes_the_mark_of_being_up_to_date(small):
    assert build(small, "dev", ONE_MODEL, quiet=True)
    assert dbt(small, ["--quiet", "ls", *ONE_MODEL], "dev") == 0
    assert not build(small, "dev", ONE_MODEL, quiet=True, only_if_changed=True)
    assert dbt(small, ["--quiet", "run", "--select", "no_such_model"], "ci") == 0
    assert not build(small, "dev", ONE_MODEL, quiet=True, only_if_changed=True)
    assert dbt(small, ["--quiet", "run", "--no-such-option"], "dev") != 0
    assert build(small, "dev", ONE_MODEL, quiet=True, only_if_changed=True)


def test_a_database_that_is_not_set_up_is_named(warehouse):
    with pytest.raises(UserError, match="database postgres is not set up, or by an older"):
        build(warehouse.model_copy(update={"database": "postgres"}), "dev")


def test_two_builds_at_once_follow_one_another(small, query):
    with ThreadPoolExecutor() as pool:
        built = list(
            pool.map(
                lambda _: build(small, "dev", ONE_MODEL, quiet=True, only_if_changed=True),
                range(2),
            )
        )
    assert sorted(built) == [False, True]
    assert len(query(small, "select * from ops.builds")) == 1


@pytest.mark.usefixtures("in_process")
def test_every_target_but_prod_puts_its_own_schema_in_front(small, query):
    build(small, "dev", ONE_MODEL, quiet=True)
    assert query(
        small,
        "select table_schema from information_schema.tables where table_name = 'int_as_of'",
    ) == [("dbt_dev_intermediate_silver",)]


def test_metricflow_that_is_not_installed_is_named(warehouse, monkeypatch):
    monkeypatch.setattr("o2r.metricflow.find_spec", lambda _: None)
    with pytest.raises(UserError, match="MetricFlow is not installed: run `make install`"):
        mf(warehouse, ["list", "metrics"])


def test_headline_says_what_is_missing(warehouse):
    with pytest.raises(UserError, match="gold is not built yet: run `o2r build`"):
        headline(warehouse)
