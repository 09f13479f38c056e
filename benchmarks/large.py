"""What a large company costs: its load, its build, and a build with nothing new.

    python benchmarks/large.py [--accounts 1000] [--weeks 26] [--requests 1000000] [--tickets 0]

Simulates a company (of at most five million requests), repeats its requests and tickets under new
identifiers a few minutes earlier until there are as many as asked for, and loads and builds it on
an embedded server in a temporary folder. Prints seconds on the clock and of the processors, peak
memory, disk, and what the dearest models and tests cost the server, or those named like `--match`.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from functools import partial
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cost import cost
from o2r.settings import Settings, load_settings
from o2r.synthetic import SimulationConfig, generate, timeline
from o2r.warehouse import connect, embedded, setup

END = date(2026, 6, 28)
MOST = 5_000_000  # requests that the simulator gives
FEEDS = ("inference_user_token_usage_open_source", "inference_user_token_usage_proprietary")
EARLIER = 7 * 60 * 1_000_000  # microseconds between one copy and the next
SPENT = re.compile(r"([0-9.]+) s user, ([0-9.]+) s system, [0-9.]+ s elapsed")
STATEMENT = re.compile(r'STATEMENT: +(?:.*"node_id": "([^"]+)"|(.{0,60}))')
"""What a statement cost, and of which node of dbt it was or how it begins, as the log tells."""


def simulate(folder: Path, accounts: int, weeks: int, requests: int, tickets: int) -> None:
    """Write the company, with more weeks than the simulator admits where asked for."""
    config = SimulationConfig(end_date=END, accounts=accounts, weeks=1, events=min(requests, MOST))
    object.__setattr__(config, "weeks", weeks)
    timeline.HISTORY_DAYS = max(timeline.HISTORY_DAYS, 7 * weeks + 28)
    generate(config, folder)
    feeds = [folder / f"{feed}.parquet" for feed in FEEDS]
    repeat(feeds, "request_id", requests, sum(pq.read_metadata(feed).num_rows for feed in feeds))
    path = folder / "support_tickets.parquet"
    ids = pq.read_table(path, columns=["ticket_id"])["ticket_id"]
    repeat([path], "ticket_id", tickets, pc.count_distinct(ids).as_py())
    (folder / "manifest.json").unlink()


def repeat(paths: list[Path], key: str, wanted: int, found: int) -> None:
    """Append copies of the rows, under new keys and a little earlier: about as many as wanted."""
    copies = round(wanted / found)
    if copies < 2:
        return
    for path in paths:
        source = pq.ParquetFile(path)
        written = path.with_suffix(".new")
        with pq.ParquetWriter(written, source.schema_arrow, compression="zstd") as sink:
            for copy in range(copies):
                for batch in source.iter_batches(500_000):
                    sink.write_table(shifted(pa.Table.from_batches([batch]), key, copy))
        written.replace(path)


def shifted(rows: pa.Table, key: str, copy: int) -> pa.Table:
    """The rows of one copy."""
    for number, field in enumerate(rows.schema):
        values = rows.column(number)
        if field.name == key:
            values = pc.binary_join_element_wise(values, f"{copy}", "-")
        elif pa.types.is_timestamp(field.type):
            values = pc.subtract(values, pa.scalar(copy * EARLIER, pa.duration("us")))
        rows = rows.set_column(number, field, values.cast(field.type))
    return rows


@contextmanager
def peaks(settings: Settings) -> Iterator[Counter]:
    """The most memory of client and server, and disk of the server, in MB, seen in the block."""
    found: Counter = Counter()
    ended = threading.Event()

    def watch() -> None:
        rounds = 0
        while not ended.wait(0.5):
            for name, size in memory(settings):
                found[name] = max(found[name], size // 2**20)
            if rounds % 10 == 0:
                found["data folder"] = max(found["data folder"], disk(settings) // 2**20)
            rounds += 1

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def memory(settings: Settings) -> Iterator[tuple[str, int]]:
    """Bytes of the client's processes, of the server's, and of its largest session alone."""
    client = 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            client += process.memory_info().rss
    yield "client", client
    server = largest = 0
    postmaster = psutil.Process(embedded.running(settings).pid)
    for process in [postmaster, *postmaster.children()]:
        with suppress(psutil.Error):
            full = process.memory_full_info()
            server += full.pss
            largest = max(largest, full.uss)
    yield "server", server
    yield "largest session", largest


def disk(settings: Settings) -> int:
    """Bytes in the server's folder."""
    size = 0
    for folder, _, names in os.walk(settings.server_dir):
        for name in names:
            with suppress(OSError):
                size += (Path(folder) / name).stat().st_blocks * 512
    return size


def o2r(settings: Settings, *arguments: str | Path) -> None:
    """Run `o2r` as its user does; what it finds wrong is printed and costs the same."""
    code = subprocess.run(
        [sys.executable, "-c", "from o2r.cli.main import app; app()", *arguments],
        env={**os.environ, "O2R_HOME": str(settings.home), "POSTGRES_HOST": ""},
        check=False,
    ).returncode
    if code:
        print(f"o2r {arguments[0]} ended with {code}")


def nodes(settings: Settings, start: int) -> Counter:
    """CPU seconds of the server by node of dbt, else by statement, from its log."""
    spent: Counter = Counter()
    seconds = 0.0
    with (settings.server_dir / "server.log").open(errors="replace") as file:
        file.seek(start)
        for line in file:
            if told := SPENT.search(line):
                seconds = float(told[1]) + float(told[2])
            elif told := STATEMENT.search(line):
                spent[told[1] or told[2]] += seconds
                seconds = 0.0
    return spent


def query(settings: Settings, statement: str) -> list[tuple]:
    """Run one statement with autocommit."""
    connection = connect(settings, autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows


def measure(settings: Settings, folder: Path, match: str | None) -> None:
    """Load, build, build with nothing new."""
    setup(settings)
    query(settings, "alter system set log_statement_stats = on")
    if match:  # what parallel workers spend is in the sum only
        query(settings, "alter system set max_parallel_workers_per_gather = 0")
    query(settings, "select pg_reload_conf()")
    log = settings.server_dir / "server.log"
    for work, arguments in (
        ("load", ("load", folder)),
        ("build", ("build", "--quiet")),
        ("nothing new", ("build", "--quiet")),
    ):
        start = log.stat().st_size
        with peaks(settings) as most:
            spent = cost(settings, partial(o2r, settings, *arguments))
        size = query(settings, "select pg_database_size(current_database())")[0][0]
        print(f"{work}: {spent.wall:.1f} s on the clock, {spent.cpu:.1f} CPU s; ", end="")
        print(", ".join(f"{name} {size:,} MB" for name, size in most.items()), end="")
        print(f"; database {size / 2**20:,.0f} MB")
        if work != "build":
            continue
        found = nodes(settings, start)
        kinds: Counter = Counter()
        for node, seconds in found.items():
            kind = node.split(".")[0]
            kinds[kind if kind in ("model", "test", "seed", "snapshot") else "other"] += seconds
        print("CPU s of the server:", {kind: round(sum_, 1) for kind, sum_ in kinds.items()})
        shown = [item for item in found.most_common() if not match or re.search(match, item[0])]
        for node, seconds in shown if match else shown[:40]:
            print(f"{seconds:9.2f}  {node}")


def main() -> None:
    """Simulate, measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--tickets", type=int, default=0)
    parser.add_argument("--match")
    parser.add_argument("--folder", type=Path, help="the company, kept; simulated if missing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="o2r-large-") as name:
        folder = options.folder or Path(name) / "company"
        begin = time.perf_counter()
        if not folder.is_dir():
            sizes = (options.accounts, options.weeks, options.requests, options.tickets)
            simulate(folder, *sizes)
            print(f"simulated in {time.perf_counter() - begin:.0f} s")
        settings = load_settings(home=Path(name) / "home", host=None)
        embedded.up(settings)
        try:
            measure(settings, folder, options.match)
        finally:
            embedded.down(settings)


if __name__ == "__main__":
    main()
