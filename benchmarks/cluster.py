"""Does a Spark cluster give the same rows when parts of it are killed, and in what memory?

    python benchmarks/cluster.py [--requests 20000000]

Starts a cluster of its own (Java and the groups `spark` and `cluster`), loads a simulated company
of a million requests into an embedded server, exports it, and repeats the requests under new
identifiers. The models of requests, from bronze to the minute and entity, are then built on DuckDB;
on Spark, where a worker and its executor are killed while it writes requests; and on Spark, where
the server (the driver) is killed while it writes minutes, and dbt retries once the supervisor has
brought it back. Prints seconds (of dbt, its start included), the peak memory of each part, and
whether every table holds the same rows as DuckDB's.
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
from pyarrow.types import is_decimal, is_integer

from o2r.bronze.loader import load
from o2r.builds.run import run_dbt, target_lock
from o2r.contracts import load_contracts
from o2r.lake import cluster
from o2r.lake.cluster_parts import folder
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
PARTS = {
    "worker.Worker": "worker",
    "CoarseGrained": "executor",
    "HiveThriftServer2": "server",
    "dbt.cli.main": "dbt",
}
"""What stands in the command line of a part; DuckDB works in dbt's process."""
SECONDS_AT_WORK = 2
"""How long Spark writes a table before a part is killed."""


def main() -> None:
    """Run the three builds and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000_000)
    wanted = parser.parse_args().requests
    with tempfile.TemporaryDirectory(prefix="o2r-cluster-") as home:
        settings = load_settings(home=Path(home))
        try:
            embedded.up(settings)
            cluster.up(settings)
            prepare(settings, wanted)
            measure(settings)
        finally:
            cluster.down(settings)
            embedded.down(settings)


def prepare(settings: Settings, wanted: int) -> None:
    """Load and export a company, and repeat its requests in the lake."""
    setup(settings)
    company = settings.home / "company"
    events = min(wanted, SIMULATED)
    generate(SimulationConfig(end_date=END, accounts=200, weeks=13, events=events), company)
    load(company, None, "demo", settings=settings)
    lake = lake_of(settings)
    with Session(settings) as session:
        export(session, lake)
    for feed in FEEDS:
        files = f"{lake.url}/{feed}/day=*/*.parquet"
        for copy in range(1, round(wanted / events)):
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
    duck, spark = engine_of(settings, "duckdb"), engine_of(settings, "spark")
    with peaks() as memory:
        taken, code = timed(lambda: build(settings, duck))
    expected = {table: checksum(duck, table) for table in HEAVY}
    rows = ", ".join(f"{count:,}" for count, _ in expected.values())
    report(f"duckdb: {taken:.0f} s, rows {rows}", code, memory)

    with peaks() as memory, killed(settings, "worker", HEAVY[0]):
        taken, code = timed(lambda: build(settings, spark))
    told = f"spark, a worker killed: {taken:.0f} s"
    report(told, code, memory)
    judge(spark, expected)

    with peaks() as memory, killed(settings, "server", HEAVY[1]):
        taken, failed = timed(lambda: build(settings, spark))
        cluster.up(settings)  # waits until it answers
        again, code = timed(lambda: build(settings, spark, retry=True))
    told = f"spark, the server killed: {taken:.0f} s, exit code {failed}; dbt retry: {again:.0f} s"
    report(told, code, memory)
    judge(spark, expected)


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
            f"cast({field.name} as decimal(38, 9))"
            if is_decimal(field.type) or is_integer(field.type)
            else field.name
            for field in fields
        ]
        words = ", ".join(f"coalesce(cast({value} as varchar), '~')" for value in values)
        [(found, part)] = duckdb.sql(
            f"select count(*), coalesce(sum(hash(concat_ws('|', {words}))), 0) from batch"
        ).fetchall()
        total, count = total + int(part), count + found
    return count, total


def report(told: str, code: int, memory: dict[str, int]) -> None:
    """Print the outcome of one build."""
    peak = ", ".join(f"{part} {size / 2**20:,.0f} MB" for part, size in sorted(memory.items()))
    print(f"{told}, exit code {code}; peak memory: {peak}", flush=True)


def judge(engine: Engine, expected: dict[str, tuple[int, int]]) -> None:
    """Print whether each table of an engine holds what is expected."""
    for table, rows in expected.items():
        same = checksum(engine, table) == rows
        print(f"  {table}: {'the same rows' if same else 'OTHER ROWS'}", flush=True)


def timed(run: Callable[[], int]) -> tuple[float, int]:
    """Seconds on the clock, and what came out."""
    start = time.monotonic()
    code = run()
    return time.monotonic() - start, code


def parts() -> Iterator[tuple[str, psutil.Process]]:
    """The processes that do work; all were started by this one."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            words = " ".join(process.cmdline())
            yield from ((part, process) for mark, part in PARTS.items() if mark in words)


@contextmanager
def killed(settings: Settings, name: str, table: str) -> Iterator[None]:
    """Kill one process of this part and what it has started (SIGKILL) while the table is written.

    Spark keeps a folder `_temporary` in the table's from the beginning of that to its end.
    """
    written = folder(settings) / "warehouse" / f"{SILVER}.db" / table / "_temporary"
    over = threading.Event()

    def kill() -> None:
        while not written.exists():
            if over.wait(0.2):
                return
        over.wait(SECONDS_AT_WORK)
        process = next(process for part, process in parts() if part == name)
        found = [process, *process.children(recursive=True)]
        state = "writing" if written.exists() else "DONE WITH"
        for process in found:
            process.kill()
        print(f"killed a {name} ({len(found)} processes), {state} {table}", flush=True)

    with at_work(kill, over):
        yield


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

    with at_work(watch, over):
        yield found


@contextmanager
def at_work(run: Callable[[], None], over: threading.Event) -> Iterator[None]:
    """Run this in a thread meanwhile, and tell it when that is over."""
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main()
