"""Does a Spark cluster give the same rows when parts of it are killed, and in what memory?

    python benchmarks/cluster.py [--requests 20000000]

Starts a cluster of its own (Java and the groups `spark` and `cluster`), loads a simulated company
of a million requests into an embedded server, exports it, and repeats the requests under new
identifiers. The models of requests, from bronze to the minute and entity, are then built on DuckDB;
on Spark, where one worker and its executor are killed on the way; and on Spark, where the server
(the driver) is killed and dbt retries once the supervisor has brought it back. Prints seconds, the
peak memory of each part, and whether every table holds the same rows as DuckDB's.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from operator import attrgetter
from pathlib import Path

import duckdb
import psutil
from pyarrow.types import is_decimal

from o2r.bronze.loader import load
from o2r.builds.run import run_dbt, target_lock
from o2r.contracts import load_contracts
from o2r.lake import cluster
from o2r.lake.engines import Engine, engine_of
from o2r.lake.export import export, lake_of
from o2r.settings import Settings, load_settings
from o2r.synthetic import SimulationConfig, generate
from o2r.warehouse import embedded, setup
from o2r.warehouse.query import Session

END = date(2026, 6, 28)
SIMULATED = 1_000_000
FEEDS = ("inference_user_token_usage_open_source", "inference_user_token_usage_proprietary")
HEAVY = ("int_requests", "int_token_usage_minute", "int_token_usage_entity_minute")
SILVER = "intermediate_silver"
PARTS = {"Worker": "worker", "CoarseGrained": "executor", "HiveThriftServer2": "server"}
"""What stands in the command line of a part."""


def main() -> None:
    """Run the three builds and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000_000)
    wanted = parser.parse_args().requests
    with tempfile.TemporaryDirectory(prefix="o2r-cluster-") as folder:
        settings = load_settings(home=Path(folder))
        embedded.up(settings)
        cluster.up(settings)
        try:
            prepare(settings, wanted)
            measure(settings)
        finally:
            cluster.down(settings)
            embedded.down(settings)


def prepare(settings: Settings, wanted: int) -> None:
    """Load and export a company, and repeat its requests in the lake."""
    setup(settings)
    company = settings.home / "company"
    generate(SimulationConfig(end_date=END, accounts=200, weeks=13, events=SIMULATED), company)
    load(company, None, "demo", settings=settings)
    lake = lake_of(settings)
    with Session(settings) as session:
        export(session, lake)
    for feed in FEEDS:
        files = f"{lake.url}/{feed}/day=*/*.parquet"
        for copy in range(1, round(wanted / SIMULATED)):
            place = Path(lake.url) / feed / f"day=copy-{copy}"
            place.mkdir()
            duckdb.execute(
                f"copy (select * replace (request_id || '-{copy}' as request_id, "
                f"event_timestamp - {copy} * interval 7 minute as event_timestamp) "
                f"from read_parquet('{files}', hive_partitioning = false) "
                f"where filename not like '%day=copy-%') to '{place}/part-0.parquet'"
            )


def measure(settings: Settings) -> None:
    """Build on both engines, the second twice, and compare."""
    model, spark = engine_of(settings, "duckdb"), engine_of(settings, "spark")
    seconds, code = timed(lambda: build(settings, model))
    expected = {table: checksum(model, table) for table in HEAVY}
    rows = expected[HEAVY[0]][0]
    print(f"duckdb: {rows:,} requests, {seconds:.0f} s, exit code {code}", flush=True)

    with peaks() as memory, later(seconds, "worker", "executor"):
        taken, code = timed(lambda: build(settings, spark))
    told = f"spark, a worker killed after {seconds:.0f} s: {taken:.0f} s"
    report(told, code, memory, {t: checksum(spark, t) for t in HEAVY} == expected)

    with peaks() as memory, later(seconds, "server"):
        taken, failed = timed(lambda: build(settings, spark))
        cluster.up(settings)  # waits until it answers
        again, code = timed(lambda: build(settings, spark, retry=True))
    told = f"spark, the server killed after {seconds:.0f} s: {taken:.0f} s and exit code {failed}"
    told += f", dbt retry {again:.0f} s"
    report(told, code, memory, {t: checksum(spark, t) for t in HEAVY} == expected)


def build(settings: Settings, engine: Engine, *, retry: bool = False) -> int:
    """Build the models of requests; return dbt's exit code."""
    with target_lock(settings, "prod") as lock, Session(settings) as session:
        if not retry:
            engine.open_bronze(lake_of(settings), sorted(load_contracts(settings.dbt_dir)))
        whole = ["build", "--select", f"+{HEAVY[-1]}", "--exclude-resource-type"]
        return run_dbt(
            session,
            ["--quiet", *(["retry"] if retry else [*whole, "test", "unit_test"])],
            engine.name,
            lock=lock,
            variables=engine.variables(),
        )


def checksum(engine: Engine, table: str) -> tuple[int, int]:
    """Rows of a table, and the sum of their hashes, whatever their order."""
    total, count = 0, 0
    for batch in engine.read(SILVER, table):
        fields = sorted((f for f in batch.schema if f.name != "loaded_at"), key=attrgetter("name"))
        values = [
            f"cast({field.name} as decimal(38, 9))" if is_decimal(field.type) else field.name
            for field in fields
        ]
        words = ", ".join(f"coalesce(cast({value} as varchar), '~')" for value in values)
        found, part = duckdb.sql(
            f"select count(*), coalesce(sum(hash(concat_ws('|', {words}))), 0) from batch"
        ).fetchone()
        total, count = total + int(part), count + found
    return count, total


def report(told: str, code: int, memory: dict[str, int], is_equal: bool) -> None:
    """Print the outcome of one build."""
    parts = ", ".join(f"{part} {size / 2**20:,.0f} MB" for part, size in sorted(memory.items()))
    rows = "the same rows" if is_equal else "OTHER ROWS"
    print(f"{told}, exit code {code}: {rows}; peak memory: {parts}", flush=True)


def timed(run: Callable[[], int]) -> tuple[float, int]:
    """Seconds on the clock, and what came out."""
    start = time.monotonic()
    code = run()
    return time.monotonic() - start, code


def parts() -> Iterator[tuple[str, psutil.Process]]:
    """The processes of the cluster that do work."""
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        if "java" in words:
            yield from ((part, process) for mark, part in PARTS.items() if mark in words)


@contextmanager
def later(seconds: float, *names: str) -> Iterator[None]:
    """Kill one process of each of these parts (SIGKILL) after so many seconds."""

    def kill() -> None:
        found = {part: process for part, process in parts() if part in names}
        for process in found.values():
            process.kill()
        print(f"killed: {', '.join(found)}", flush=True)

    timer = threading.Timer(seconds, kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def peaks() -> Iterator[dict[str, int]]:
    """Peak resident memory of the largest process of each part, in bytes, filled meanwhile."""
    found: dict[str, int] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1):
            for part, process in parts():
                with suppress(psutil.Error):
                    found[part] = max(found.get(part, 0), process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main()
