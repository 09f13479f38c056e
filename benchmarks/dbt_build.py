"""What a dbt run costs: full, without news, and with new rows, beside what the database must do.

    python benchmarks/dbt_build.py [--events 1000000 5000000] [--new 10000] [--days 90]

For each number of events it starts an embedded server of its own in a temporary folder, loads a
simulated company with that many requests over the days, and measures

* the full build of all models, and the sum of their bare SELECTs, run one after another;
* a run without news: `o2r build --if-changed`, and `dbt run` itself;
* a run after new rows of the next day: the same number for each size, then 1 % of it;
* the physical limit: one hand-written roll-up of the requests by minute, and a count(*) of them.

dbt's start-up is a `dbt run` of one view, the best of three. Each run starts on a server at rest:
what the step before left behind (autovacuum, dirty pages) is not its cost. The share spent in
Postgres is the time in which the server executed statements (pg_stat_database.active_time) over
the time the run took; with several threads it may be above 1. Exits with 1 when a limit is broken.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from o2r.bronze.loader import load
from o2r.builds.run import build, dbt
from o2r.settings import Settings, load_settings
from o2r.synthetic import SimulationConfig, generate
from o2r.warehouse import connect, embedded, setup

FEEDS = ("inference_user_token_usage_open_source", "inference_user_token_usage_proprietary")
END = date(2026, 6, 28)
FULL_LIMIT = 1.5  # full build over the sum of its bare SELECTs
NO_NEWS_LIMIT = 2.0  # seconds on top of dbt's start-up
GROWTH_LIMIT = 1.3  # same number of new rows, largest history over smallest

ROLL_UP = f"""
create temp table roll_up as
select account_id, model_variant, source_region, inference_scope, traffic_type,
    date_trunc('minute', event_timestamp) as minute, count(*) as requests,
    sum(input_tokens + output_tokens + cache_read_tokens + cache_write_tokens) as tokens
from (select * from raw_bronze.{FEEDS[0]} union all select * from raw_bronze.{FEEDS[1]}) as requests
group by 1, 2, 3, 4, 5, 6
"""
COUNT = " + ".join(f"(select count(*) from raw_bronze.{feed})" for feed in FEEDS)


@dataclass(frozen=True)
class Run:
    """One run of dbt: seconds in all, and the share of them spent in Postgres."""

    seconds: float
    in_postgres: float

    def __str__(self) -> str:
        return f"{self.seconds:8.1f} s   {self.in_postgres:5.0%} in Postgres"


def query(settings: Settings, statement: str) -> list[tuple]:
    """Run one statement with autocommit."""
    connection = connect(settings, autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def active_seconds(settings: Settings) -> float:
    """Seconds that the server has spent on statements in this database."""
    return query(
        settings,
        "select pg_stat_force_next_flush(), active_time / 1000 from pg_stat_database "
        "where datname = current_database()",
    )[0][1]


def rest(settings: Settings) -> None:
    """Let the server finish what the step before left it to do: dirty pages and autovacuum."""
    query(settings, "checkpoint")
    workers = "select count(*) from pg_stat_activity where backend_type = 'autovacuum worker'"
    while query(settings, workers)[0][0]:
        time.sleep(1)


def run_models(settings: Settings, *arguments: str) -> Run:
    """`dbt run`, models only, on a server at rest."""
    rest(settings)
    before = active_seconds(settings)
    seconds = timed(lambda: _dbt(settings, "run", *arguments))
    time.sleep(1.5)  # statistics of ended sessions come in late
    return Run(seconds, (active_seconds(settings) - before) / seconds)


def _dbt(settings: Settings, *arguments: str) -> None:
    if dbt(settings, ["--quiet", *arguments]) != 0:
        raise SystemExit("dbt failed")


def bare_selects(settings: Settings) -> float:
    """Seconds of the SELECTs of all tables, one after another, without keeping their rows."""
    _dbt(settings, "compile", "--full-refresh", "--select", "resource_type:model")
    manifest = settings.home / "dbt" / f"{settings.database}_prod" / "target" / "manifest.json"
    seconds = 0.0
    for node in json.loads(manifest.read_text())["nodes"].values():
        if node["resource_type"] == "model" and node["config"]["materialized"] in (
            "table",
            "incremental",
        ):
            # As the hook of every model, hash_joins_only; without it some never end.
            plan = query(
                settings,
                "set enable_nestloop = off; set enable_mergejoin = off; "
                "explain (analyze, timing off, format json) " + node["compiled_code"],
            )[0][0]
            seconds += (plan[0]["Planning Time"] + plan[0]["Execution Time"]) / 1000
    return seconds


def new_rows(settings: Settings, folder: Path, rows: int, day: date) -> None:
    """Load copies of the newest rows of both feeds, under new ids and a day later each time."""
    target = folder / f"day_{day}"
    target.mkdir()
    for feed in FEEDS:
        connection = connect(settings)
        with connection.cursor() as cursor:
            cursor.execute(
                f"select 'new-{day}-' || request_id, account_id, api_name, model_variant, "
                "input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, "
                "source_region, inference_region, traffic_type, inference_scope, "
                "latency_ms::text, error_code, "
                f"(date '{day}' + (event_timestamp at time zone 'UTC')::time)::text || 'Z' "
                f"from raw_bronze.{feed} where event_timestamp >= %s limit %s",
                (END - timedelta(days=27), rows // 2),
            )
            names = [
                "request_id",
                "account_id",
                "api_name",
                "model_variant",
                "input_tokens",
                "output_tokens",
                "cache_read_tokens",
                "cache_write_tokens",
                "source_region",
                "inference_region",
                "traffic_type",
                "inference_scope",
                "latency_ms",
                "error_code",
                "event_timestamp",
            ]
            table = pa.table(dict(zip(names, zip(*cursor.fetchall(), strict=True), strict=True)))
        connection.close()
        pq.write_table(table, target / f"{feed}.parquet")
    load(target, dataset=_dataset(settings), settings=settings)


def _dataset(settings: Settings) -> str:
    return query(settings, "select dataset from ops.load_batches limit 1")[0][0]


def measure(folder: Path, events: int, days: int, rows: int) -> tuple[Run, list[str]]:
    """Print all figures of one size; returns the run with new rows, and the limits broken."""
    settings = load_settings(home=folder / "home", host=None, database="o2r")
    broken = []
    embedded.up(settings)
    try:
        setup(settings)
        config = SimulationConfig(end_date=END, weeks=-(-days // 7), events=events)
        generate(config, folder / "data")
        load(folder / "data", dataset="benchmark", settings=settings)
        count = query(settings, f"select {COUNT}")[0][0]
        print(f"\n{count:,} requests over {config.weeks * 7} days")
        _dbt(settings, "seed")

        start_up = min(
            timed(lambda: _dbt(settings, "run", "--select", "stg_incidents")) for _ in range(3)
        )
        print(f"  dbt start-up           {start_up:8.1f} s")
        full = run_models(settings, "--full-refresh")
        selects = bare_selects(settings)
        print(f"  full build             {full}")
        print(f"  sum of bare SELECTs    {selects:8.1f} s   ratio {full.seconds / selects:.2f}")
        if full.seconds > FULL_LIMIT * selects:
            broken.append(f"{count:,}: full build above {FULL_LIMIT} times its SELECTs")

        build(settings, arguments=["--select", "resource_type:seed"], quiet=True)
        skipped = timed(
            lambda: build(
                settings,
                arguments=["--select", "resource_type:seed"],
                quiet=True,
                only_if_changed=True,
            )
        )
        print(f"  no news, --if-changed  {skipped:8.1f} s")
        if skipped > start_up + NO_NEWS_LIMIT:
            broken.append(f"{count:,}: no news takes {NO_NEWS_LIMIT} s more than dbt's start-up")
        print(f"  no news, dbt run       {run_models(settings)}")

        new_rows(settings, folder, rows, END + timedelta(days=1))
        some = run_models(settings)
        print(f"  {rows:,} new rows       {some}")
        new_rows(settings, folder, count // 100, END + timedelta(days=2))
        print(f"  1 % new rows           {run_models(settings)}")

        print(f"  minute roll-up by hand {timed(lambda: query(settings, ROLL_UP)):8.1f} s")
        print(
            f"  count(*)               {timed(lambda: query(settings, f'select {COUNT}')):8.1f} s"
        )
        return some, broken
    finally:
        embedded.down(settings)


def main() -> int:
    """Measure every size; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--new", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=90)
    options = parser.parse_args()
    runs, broken = [], []
    for events in sorted(options.events):
        with tempfile.TemporaryDirectory(prefix="o2r-bench-") as folder:
            run, faults = measure(Path(folder), events, options.days, options.new)
            runs.append(run)
            broken += faults
    if len(runs) > 1:
        growth = runs[-1].seconds / runs[0].seconds
        print(f"\n{options.new:,} new rows, largest history over smallest: {growth:.2f}")
        if growth > GROWTH_LIMIT:
            broken.append(f"the cost of new rows grows {growth:.2f} times with the history")
    for fault in broken:
        print(f"over the limit: {fault}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
