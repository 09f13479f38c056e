"""Running dbt through `o2r.transform`: what it reports, and what it records."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from o2r.demo import headline
from o2r.errors import UserError
from o2r.transform import build, dbt, mf


def test_an_unknown_target_is_named(warehouse):
    with pytest.raises(UserError, match="unknown target 'staging'"):
        build(warehouse, "staging")


def test_a_failing_build_is_an_error_and_is_recorded_as_one(warehouse, query, capfd):
    with pytest.raises(UserError, match="dbt build of target dev failed") as failure:
        build(warehouse, "dev", ["--select", "int_as_of", "--vars", "as_of_date: not-a-date"])
    assert "int_as_of" in capfd.readouterr().out
    assert query(
        warehouse,
        "select kind, outcome, message, finished_at > started_at, is_current from ops.builds",
    ) == [("build", "failed", str(failure.value), True, False)]


def test_a_build_is_repeated_only_when_something_changed(warehouse, query):
    arguments = ["--select", "resource_type:seed"]
    assert build(warehouse, "dev", arguments, quiet=True, only_if_changed=True)
    assert not build(warehouse, "dev", arguments, quiet=True, only_if_changed=True)
    assert build(warehouse, "ci", arguments, quiet=True, only_if_changed=True)
    query(
        warehouse,
        "insert into ops.load_batches (dataset, source_file, table_name, checksum, received, "
        "inserted, duplicate, quarantined, loaded_at, started_at, finished_at) "
        "values ('files', 'f', 't', 'c', 0, 0, 0, 0, now(), now(), now())",
    )
    assert build(warehouse, "dev", arguments, quiet=True, only_if_changed=True)
    assert len(query(warehouse, "select * from ops.builds")) == 3


def test_a_run_that_failed_or_was_partial_takes_the_mark_of_being_up_to_date(warehouse):
    seeds = ["--select", "resource_type:seed"]
    assert build(warehouse, "dev", seeds, quiet=True)
    assert dbt(warehouse, ["--quiet", "ls", "--select", "journey_steps"], "dev") == 0
    assert not build(warehouse, "dev", seeds, quiet=True, only_if_changed=True)
    assert dbt(warehouse, ["--quiet", "seed", "--select", "no_such_seed"], "ci") == 0
    assert not build(warehouse, "dev", seeds, quiet=True, only_if_changed=True)
    assert dbt(warehouse, ["--quiet", "seed", "--no-such-option"], "dev") != 0
    assert build(warehouse, "dev", seeds, quiet=True, only_if_changed=True)


def test_a_database_that_is_not_set_up_is_named(warehouse):
    with pytest.raises(UserError, match="database postgres is not set up: run `o2r setup`"):
        build(warehouse.model_copy(update={"database": "postgres"}), "dev")


def test_two_builds_at_once_follow_one_another(warehouse, query):
    arguments = ["--select", "resource_type:seed"]
    with ThreadPoolExecutor() as pool:
        built = list(
            pool.map(
                lambda _: build(warehouse, "dev", arguments, quiet=True, only_if_changed=True),
                range(2),
            )
        )
    assert sorted(built) == [False, True]
    assert len(query(warehouse, "select * from ops.builds")) == 1


def test_every_target_but_prod_puts_its_own_schema_in_front(warehouse, query):
    build(warehouse, "dev", ["--select", "journey_steps"], quiet=True)
    assert query(
        warehouse,
        "select table_schema from information_schema.tables where table_name = 'journey_steps'",
    ) == [("dbt_dev_seeds",)]


def test_metricflow_that_is_not_installed_is_named(warehouse, monkeypatch):
    monkeypatch.setattr("o2r.transform.find_spec", lambda _: None)
    with pytest.raises(UserError, match="MetricFlow is not installed: run `make install`"):
        mf(warehouse, ["list", "metrics"])


def test_headline_says_what_is_missing(warehouse):
    with pytest.raises(UserError, match="gold is not built yet: run `o2r build`"):
        headline(warehouse)
