"""The demo company lives on: its next days, as the sources deliver them, one after the other."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from o2r.bronze.loader import BatchResult, load
from o2r.demo.datasets import company
from o2r.demo.run import yesterday
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.synthetic import SimulationConfig
from o2r.synthetic.columns import MICROS_PER_DAY
from o2r.synthetic.generate import life
from o2r.synthetic.knowledge import known_within
from o2r.synthetic.timeline import day_number
from o2r.synthetic.world import build_world
from o2r.synthetic.write import read_manifest
from o2r.warehouse import connect


def land_days(settings: Settings, until: date) -> list[BatchResult]:
    """Land in bronze what the demo company's sources come to know up to the end of a day.

    Every day is a set of files of its own, the same bytes each time; days that are in bronze
    already are left out. Returns one result per file.
    Raises UserError when the day is not over, the demo is not loaded, or has fewer days ahead.
    """
    manifest = read_manifest(settings.demo_dir)
    if manifest is None:
        raise UserError(f"no demo data in {settings.demo_dir}: run `o2r demo`")
    choices = manifest.config | {"end_date": date.fromisoformat(manifest.config["end_date"])}
    config = SimulationConfig(**choices | {"faults": tuple(choices["faults"])})
    last = config.end_date + timedelta(days=config.ahead)
    if until > last:
        raise UserError(
            f"the company in {settings.demo_dir} is simulated until {last}, not {until}: simulate "
            "another one (o2r generate --ahead DAYS) for a database of its own"
        )
    if until > yesterday():
        raise UserError(
            f"{until} is not over yet (UTC): nothing is landed before its day has ended"
        )
    dataset = company(settings)
    landed = _landed(settings, dataset)
    if not landed:
        raise UserError(
            f"database {settings.database} does not hold the company in {settings.demo_dir}: "
            "run `o2r load --dataset demo`"
        )
    results = []
    with tempfile.TemporaryDirectory(prefix="o2r-live-") as name:
        for file, rows in _files(config, until, landed):
            path = Path(name) / file
            pq.write_table(rows, path, compression="zstd", version="2.6")
            results += load(path, None, dataset, settings=settings)
            path.unlink()
    return results


def _files(
    config: SimulationConfig, until: date, landed: set[str]
) -> Iterator[tuple[str, pa.Table]]:
    """Files (name, rows) that have yet to be landed, day by day; without rows there is none."""
    days = [
        config.end_date + timedelta(days=number)
        for number in range(1, (until - config.end_date).days + 1)
    ]
    if not days:
        return
    chunks: dict[str, list[pa.Table]] = {}
    first, end = day_number(days[0]) * MICROS_PER_DAY, (day_number(until) + 1) * MICROS_PER_DAY
    for table, chunk in life(build_world(config)):
        chunks.setdefault(table, []).append(known_within(chunk, first, end))
    tables = {table: pa.concat_tables(parts) for table, parts in chunks.items()}
    for day in days:
        start = day_number(day) * MICROS_PER_DAY
        for table, rows in tables.items():
            name = f"{table}__live-{day}.parquet"
            if name not in landed:
                part = known_within(rows, start, start + MICROS_PER_DAY)
                if len(part):
                    yield name, part


def _landed(settings: Settings, dataset: str) -> set[str]:
    """Names of the files of a dataset in bronze."""
    connection = connect(settings, read_only=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select to_regclass('ops.load_batches')")
            if cursor.fetchone()[0] is None:
                return set()
            cursor.execute(
                "select source_file from ops.load_batches "
                "where dataset = %s and unloaded_at is null",
                (dataset,),
            )
            return {name for (name,) in cursor.fetchall()}
    finally:
        connection.close()
