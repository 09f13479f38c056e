"""From a configuration to a folder of files."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from o2r.synthetic import faults, truth
from o2r.synthetic.columns import MICROS_PER_DAY
from o2r.synthetic.config import SimulationConfig
from o2r.synthetic.knowledge import known_within
from o2r.synthetic.schemas import schemas
from o2r.synthetic.sources import (
    billing,
    capacity,
    company,
    contacts,
    crm,
    deals,
    expansion,
    inference,
    marketing,
    platform,
    product,
    quota,
    revenue,
    sales,
    success,
    support,
    web,
)
from o2r.synthetic.world import World, build_world
from o2r.synthetic.write import (
    Manifest,
    Sink,
    check_replaceable,
    finish,
    intact,
    move_into_place,
    staging_folder,
)

# Faults draw from one stream in this order: a new source comes last.
SOURCES = (
    *(crm, billing, revenue, inference, platform, support, capacity, quota, product),
    *(contacts, deals, web, success, company, marketing, sales, expansion),
)


def life(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Everything that the sources ever know, the days ahead included: (table, rows) in chunks."""
    for source in SOURCES:
        yield from source.deliver(world)


def _write_tables(world: World, folder: Path) -> dict[str, int]:
    """Write every bronze table of `world`; rows by file name."""
    sink = Sink(folder)
    for name, schema in schemas().items():
        sink.write(f"{name}.parquet", schema.empty_table())
    fault_rng = {name: world.rng(f"fault.{name}") for name in world.config.faults}
    midnight = (world.timeline.told + 1) * MICROS_PER_DAY
    for name, chunk in life(world):
        known = known_within(chunk, None, midnight) if world.config.ahead else chunk
        for file_name, part in faults.deliveries(name, known, world, fault_rng):
            sink.write(file_name, part)
    return sink.close()


def generate(config: SimulationConfig, out_dir: Path) -> Manifest:
    """Simulate `config` and write `<table>.parquet`, `manifest.json`, `synthetic_truth.json`.

    The folder appears complete or not at all. If `out_dir` already holds the unharmed files of the
    same configuration, nothing is done. Raises FileExistsError if `out_dir` holds files that were
    not generated here.
    """
    out_dir = Path(out_dir)
    check_replaceable(out_dir)
    present = intact(out_dir, config.as_dict())
    if present is not None:
        return present
    staged = staging_folder(out_dir)
    try:
        rows = _write_tables(build_world(config), staged)
        manifest = finish(staged, config.as_dict(), rows, truth.effects())
        move_into_place(staged, out_dir)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    return manifest
