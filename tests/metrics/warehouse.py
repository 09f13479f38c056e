"""Warehouses that the tests of numbers share: filled and built once per session, then only read."""

import functools
from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from unittest.mock import patch

import pandas as pd
from dbt import tracking as dbt_tracking
from tests.in_process import dbt_in_process

from o2r.bronze.loader import load
from o2r.builds.run import dbt
from o2r.demo.datasets import load_dataset
from o2r.settings import Settings
from o2r.synthetic import SimulationConfig, generate
from o2r.warehouse import connect

END = date(2026, 11, 21)
SMALL = SimulationConfig(
    end_date=END,
    accounts=60,
    weeks=16,
    events=60_000,
    seed=11,
    faults=("late", "duplicate", "malformed", "renamed", "currency", "resegment", "future"),
)
"""A year small enough to build in seconds, delivered with every fault there is."""

NewDatabase = Callable[[], Settings]

DIRT = Path(__file__).with_name("dirt.sql").read_text(encoding="utf-8")
"""SQL of what the simulator does not deliver: versions that disagree, strangers, gaps, returns."""


def load_and_date(settings: Settings, folder: Path, end: date) -> None:
    """Load a generated folder as if it had arrived at six in the morning after `end` (UTC).

    The loader stamps its own clock; the tests must give the same numbers on any day.
    """
    load(folder, None, "demo", settings=settings)
    connection = connect(settings)
    with connection, connection.cursor() as cursor:
        cursor.execute("select distinct table_name from ops.load_batches")
        for (table,) in cursor.fetchall():
            cursor.execute(
                f"update raw_bronze.{table} as delivered set loaded_at = "
                "(%s::date + 1)::timestamp at time zone 'UTC' + interval '6 hours' "
                "+ batch_id * interval '1 second'",
                (end,),
            )
    connection.close()


def execute(settings: Settings, statements: str) -> None:
    """Run SQL statements in one transaction."""
    connection = connect(settings)
    with connection, connection.cursor() as cursor:
        cursor.execute(statements)
    connection.close()


def frame(settings: Settings, statement: str, parameters: object = None) -> pd.DataFrame:
    """Rows of a query; numeric columns arrive as Decimal objects."""
    connection = connect(settings, read_only=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            names = [column.name for column in cursor.description]
            return pd.DataFrame(cursor.fetchall(), columns=names)
    finally:
        connection.close()


def run_models(settings: Settings, *arguments: str, target: str = "prod") -> None:
    """Build seeds and models, without their data tests (which `make test` runs elsewhere)."""
    options = ["--quiet", "build", "--exclude-resource-type", "test", "unit_test", *arguments]
    with dbt_in_process():
        code = dbt(settings, options, target)
    assert code == 0, "dbt failed: see the captured output"


def clone(settings: Settings, name: str) -> Settings:
    """A copy of a whole database, tables and all."""
    connection = connect(settings, database="postgres", autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute(f"create database {name} template {settings.database} strategy file_copy")
    connection.close()
    return settings.model_copy(update={"database": name})


@functools.cache
def small_gold(new_database: NewDatabase) -> Settings:
    """The database of SMALL with DIRT, built for target prod. Read only, please."""
    settings = new_database()
    folder = settings.home / "small"
    generate(SMALL, folder)
    load_and_date(settings, folder, END)
    execute(settings, DIRT)
    run_models(settings)
    return settings


@functools.cache
def chapter12_gold(new_database: NewDatabase) -> Settings:
    """The database of the book's chapter 12, built for target prod. Read only, please."""
    settings = new_database()
    load_dataset("chapter12", settings)
    run_models(settings)
    return settings


@functools.cache
def signal_gold(new_database: NewDatabase) -> Settings:
    """The default demo with fewer requests, built as far as the signal chain. Read only, please."""
    settings = new_database()
    folder = settings.home / "signals"
    generate(SimulationConfig(end_date=END, events=150_000), folder)
    for name in ("product_usage_events", "resource_model_utilization"):  # not part of the chain
        (folder / f"{name}.parquet").unlink()
    load_and_date(settings, folder, END)
    run_models(settings, "--select", "+o2r_signal_chain")
    return settings


def gold_hashes(settings: Settings, schema: str = "mart_gold") -> dict[str, str]:
    """MD5 over all cells of every gold table, whatever the order of its rows."""
    tables = frame(
        settings,
        "select table_name from information_schema.tables "
        "where table_schema = %s order by table_name",
        [schema],
    )["table_name"]
    return {
        table: frame(
            settings,
            f"select md5(string_agg(t::text, chr(10) order by t::text)) from {schema}.{table} as t",
        ).iloc[0, 0]
        for table in tables
    }


@functools.cache
def dev_gold(new_database: NewDatabase) -> Settings:
    """A copy of the small company, delivered and built for target dev a year later, beside prod.

    The clock goes with it: what is stamped ahead of it proves nothing.
    """
    settings = clone(small_gold(new_database), "small_in_dev")
    connection = connect(settings)
    with connection, connection.cursor() as cursor:
        cursor.execute("select distinct table_name from ops.load_batches")
        for (table,) in cursor.fetchall():
            cursor.execute(
                f"update raw_bronze.{table} set loaded_at = loaded_at + interval '1 year'"
            )
    connection.close()
    with patch.object(dbt_tracking, "datetime", _NextYear):
        run_models(settings.model_copy(update={"as_of": END}), target="dev")
    return settings


class _NextYear(datetime):
    """What dbt asks when a run has started."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        """A year and a day from now."""
        return super().now(tz) + timedelta(days=366)
