"""How long `o2r load` takes beside a bare COPY of the same file into the same table.

    python benchmarks/load.py [--rows 1000000] [--repeats 3] [--quoted] [--memory]

It starts an embedded server of its own in a temporary folder and generates the file. The bare COPY
has every advantage: its partitions exist, nothing is checked, counted or compared. `--memory` also
compares the loader's peak memory for the file with that for one five times as long.
Exits with 1 when the median ratio is above the limit.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv as pa_csv
from psycopg2 import sql

from o2r.settings import Settings, load_settings
from o2r.warehouse import connect, embedded, setup

TABLE = "inference_user_token_usage_proprietary"
MONTHS = ("2026-01-01", "2026-02-01", "2026-03-01")
LIMIT = 3.0  # times a bare COPY
CHUNK = 250_000  # rows generated at a time


def generate(path: Path, rows: int, *, quoted: bool) -> list[str]:
    """Write `rows` requests of three months in order of time; returns the column names."""
    random = np.random.default_rng(1)
    style = pa_csv.WriteOptions(include_header=False, quoting_style="needed" if quoted else "none")
    with path.open("wb") as file:
        for start in range(0, rows, CHUNK):
            size = min(CHUNK, rows - start)
            seconds = (np.arange(start, start + size) * (90 * 86_400 / rows)).astype("int64")
            instants = np.datetime64("2026-01-01T00:00:00") + seconds.astype("timedelta64[s]")
            identifiers = random.bytes(size * 8).hex()
            chunk = pa.table(
                {
                    "request_id": [f"req_{identifiers[n * 16 : n * 16 + 16]}" for n in range(size)],
                    "account_id": np.char.add("acc_", random.integers(1, 201, size).astype("U4")),
                    "api_name": random.choice(["messages", "embeddings"], size),
                    "model_variant": random.choice(["nova-large", "nova-small"], size),
                    "input_tokens": random.integers(1, 9_000, size),
                    "output_tokens": random.integers(1, 3_000, size),
                    "cache_read_tokens": random.integers(0, 500, size),
                    "cache_write_tokens": random.integers(0, 500, size),
                    "source_region": random.choice(["us-east", "eu-west"], size),
                    "inference_region": random.choice(["us-east", "eu-west"], size),
                    "traffic_type": random.choice(["on-demand", "batch"], size),
                    "inference_scope": random.choice(["regional", "global"], size),
                    "latency_ms": random.gamma(2.0, 200.0, size).round(3),
                    "error_code": np.where(random.random(size) < 0.02, "E429", ""),
                    "event_timestamp": instants,
                    "local_timestamp": instants,
                }
            )
            if start == 0:
                file.write((",".join(chunk.column_names) + "\n").encode())
            pa_csv.write_csv(chunk, file, style)
    return chunk.column_names


def empty(settings: Settings) -> None:
    """Empty the table and the ledger, and let the server finish its writing."""
    connection = connect(settings, autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute(f"truncate raw_bronze.{TABLE}, ops.load_batches, ops.quarantined_rows")
        for month in MONTHS:
            cursor.execute(
                "select ops.ensure_month_partition(%s, %s)", (f"raw_bronze.{TABLE}", month)
            )
        cursor.execute("checkpoint")
    connection.close()


def bare_copy(settings: Settings, path: Path, names: list[str]) -> float:
    """Seconds of one COPY with its commit."""
    statement = sql.SQL("copy {} ({}) from stdin (format csv, header)").format(
        sql.Identifier("raw_bronze", TABLE), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    begin = time.perf_counter()
    with connect(settings) as connection, connection.cursor() as cursor, path.open("rb") as file:
        cursor.copy_expert(statement, file, 1 << 20)
    connection.close()
    return time.perf_counter() - begin


def o2r_load(settings: Settings, path: Path) -> tuple[float, float]:
    """Seconds and peak memory in MB of one `o2r load` as a process, its start included."""
    variables = {"O2R_HOME": str(settings.home), "POSTGRES_HOST": "", "POSTGRES_DB": ""}
    begin = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-c", "from o2r.cli.main import app; app()", "load", path],
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
    )
    process, peak = psutil.Process(child.pid), 0
    while child.poll() is None:
        with suppress(psutil.Error):
            peak = max(peak, process.memory_info().rss)
        time.sleep(0.02)
    if child.returncode:
        raise SystemExit("o2r load failed")
    return time.perf_counter() - begin, peak / 1024**2


def measure(settings: Settings, folder: Path, rows: int, repeats: int, *, quoted: bool) -> float:
    """Print both medians side by side; returns their ratio."""
    path = folder / f"{TABLE}.csv"
    names = generate(path, rows, quoted=quoted)
    print(f"{rows:,} rows, {path.stat().st_size / 1e6:.0f} MB, median of {repeats}")
    copies, loads = [], []
    for _ in range(repeats):
        empty(settings)
        copies.append(bare_copy(settings, path, names))
        empty(settings)
        loads.append(o2r_load(settings, path)[0])
    copy, load = statistics.median(copies), statistics.median(loads)
    print(f"  bare COPY {copy:6.1f} s  {rows / copy:9,.0f} rows/s")
    print(f"  o2r load  {load:6.1f} s  {rows / load:9,.0f} rows/s")
    print(f"  ratio     {load / copy:6.2f}    limit {LIMIT}")
    return load / copy


def compare_memory(settings: Settings, folder: Path, rows: int) -> None:
    """Print the loader's peak memory for a file and for one five times as long."""
    for factor in (1, 5):
        path = folder / f"{TABLE}.csv"
        generate(path, rows * factor, quoted=False)
        empty(settings)
        print(f"  peak memory, {rows * factor:>9,} rows: {o2r_load(settings, path)[1]:.0f} MB")


def main() -> int:
    """Run the benchmark on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quoted", action="store_true", help="all texts in quotes")
    parser.add_argument("--memory", action="store_true", help="also compare peak memory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="o2r-bench-") as name:
        settings = load_settings(home=Path(name) / "home", host=None, database="o2r")
        embedded.up(settings)
        try:
            setup(settings)
            ratio = measure(
                settings, Path(name), options.rows, options.repeats, quoted=options.quoted
            )
            if options.memory:
                compare_memory(settings, Path(name), options.rows)
        finally:
            embedded.down(settings)
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
