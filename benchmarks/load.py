"""What `o2r load` costs beside a bare COPY of the same file into the same table.

    python benchmarks/load.py [--rows 1000000] [--repeats 3] [--quoted] [--text] [--memory]

It starts an embedded server of its own in a temporary folder, generates the file, and runs both in
turn. The bare COPY has every advantage: its partitions exist, nothing is checked, counted, compared
or analyzed. CPU seconds are those of client and server, the start of `o2r` included. `--text` ends
the file with a value that is no number, so that all of it goes the way of text; `--memory` also
compares the loader's peak memory for the file with that for one five times as long.
Exits with 1 when the ratio of the median CPU seconds is above the limit.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv as pa_csv
from psycopg2 import sql

from cost import Cost, cost
from o2r.settings import Settings, load_settings
from o2r.warehouse import connect, embedded, setup

TABLE = "inference_user_token_usage_proprietary"
MONTHS = ("2026-01-01", "2026-02-01", "2026-03-01")
LIMIT = 1.9  # times the CPU seconds of a bare COPY; at five million rows it is a tenth less
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


def bare_copy(settings: Settings, path: Path, names: list[str]) -> None:
    """One COPY with its commit."""
    statement = sql.SQL("copy {} ({}) from stdin (format csv, header)").format(
        sql.Identifier("raw_bronze", TABLE), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connect(settings) as connection, connection.cursor() as cursor, path.open("rb") as file:
        cursor.copy_expert(statement, file, 1 << 20)
    connection.close()


def o2r_load(settings: Settings, path: Path) -> float:
    """One `o2r load` as a process; returns its peak memory in MB."""
    variables = {"O2R_HOME": str(settings.home), "POSTGRES_HOST": "", "POSTGRES_DB": ""}
    # what Python compiles is kept, as it is for any user
    variables["PYTHONPYCACHEPREFIX"] = str(settings.home / "compiled")
    variables["PYTHONDONTWRITEBYTECODE"] = ""
    child = subprocess.Popen(
        [sys.executable, "-c", "from o2r.cli.main import app; app()", "load", path],
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
    )
    process, peak = psutil.Process(child.pid), 0
    while child.poll() is None:
        with suppress(psutil.Error):
            peak = max(peak, process.memory_info().rss)
        time.sleep(0.1)
    if child.returncode:
        raise SystemExit("o2r load failed")
    return peak / 1024**2


def measure(
    settings: Settings, folder: Path, rows: int, repeats: int, *, quoted: bool, text: bool
) -> float:
    """Print both medians side by side; returns the ratio of the CPU seconds."""
    path = loaded = folder / f"{TABLE}.csv"
    names = generate(path, rows, quoted=quoted)
    if text:
        loaded = folder / "text" / path.name
        loaded.parent.mkdir()
        shutil.copy(path, loaded)
        with loaded.open("a") as file:
            file.write(f"bad,acc_1{',' * 11}fast,,2026-01-01,\n")
    print(f"{rows:,} rows, {path.stat().st_size / 1e6:.0f} MB, medians of {repeats}")
    o2r_load(settings, path)  # compiles what Python keeps compiled
    copies, loads = [], []
    for _ in range(repeats):
        empty(settings)
        copies.append(cost(settings, partial(bare_copy, settings, path, names)))
        empty(settings)
        loads.append(cost(settings, partial(o2r_load, settings, loaded)))
    copy, load = (Cost(*map(statistics.median, zip(*of, strict=True))) for of in (copies, loads))
    for name, seconds in (("bare COPY", copy), ("o2r load", load)):
        print(f"  {name:9} {seconds.cpu:6.1f} CPU s {seconds.wall:6.1f} s on the clock")
    ratio = load.cpu / copy.cpu
    print(f"  ratio     {ratio:6.2f} {load.wall / copy.wall:12.2f}    limit {LIMIT}")
    return ratio


def compare_memory(settings: Settings, folder: Path, rows: int) -> None:
    """Print the loader's peak memory for a file and for one five times as long."""
    for factor in (1, 5):
        path = folder / f"{TABLE}.csv"
        generate(path, rows * factor, quoted=False)
        empty(settings)
        print(f"  peak memory, {rows * factor:>9,} rows: {o2r_load(settings, path):.0f} MB")


def main() -> int:
    """Run the benchmark on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quoted", action="store_true", help="all texts in quotes")
    parser.add_argument("--text", action="store_true", help="with a value that is not of its type")
    parser.add_argument("--memory", action="store_true", help="also compare peak memory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="o2r-bench-") as name:
        settings = load_settings(home=Path(name) / "home", host=None, database="o2r")
        embedded.up(settings)
        try:
            setup(settings)
            ratio = measure(
                settings,
                Path(name),
                options.rows,
                options.repeats,
                quoted=options.quoted,
                text=options.text,
            )
            if options.memory:
                compare_memory(settings, Path(name), options.rows)
        finally:
            embedded.down(settings)
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
