"""What tests do with other engines: build a database's company there, and compare every cell."""

import re

from o2r.builds.manifests import FILE, RESULTS, load
from o2r.builds.run import run_dbt, target_lock, work_dir
from o2r.lake.build import make
from o2r.lake.compare import Difference, compare
from o2r.lake.engines import engine_of
from o2r.lake.export import lake_of
from o2r.settings import Settings
from o2r.warehouse.query import Session


def build_on(settings: Settings, name: str) -> None:
    """Build and test with the engine of this name; nothing is handed back."""
    with target_lock(settings, "prod") as lock, Session(settings) as session:
        make(session, engine_of(settings, name), lake_of(settings), lock, quiet=True)


def differing_cells(settings: Settings, name: str, *tables: str) -> tuple[int, list[Difference]]:
    """Compare the tables, or all of them, of the engine with those of PostgreSQL."""
    manifest = load(work_dir(settings, name) / "target" / FILE)
    nodes = manifest["nodes"].items()
    manifest["nodes"] = {key: node for key, node in nodes if not tables or node["name"] in tables}
    with Session(settings) as session:
        return compare(session, engine_of(settings, name), manifest)


POSTGRES_ONLY = re.compile(r"\d:\d\d(:\d\d(\.\d+)?)? ?[+-]\d\d|\d:\d\dZ|NaN|generate_series")
"""In unit tests: what the files of the lake do not hold (an offset, NaN), or SQL of the fixture."""


def unit_tests(settings: Settings, name: str) -> tuple[int, list[str]]:
    """Run dbt's unit tests on what the engine has built; return how many, and those that fail."""
    folder, engine = work_dir(settings, name) / "target", engine_of(settings, name)
    tests = load(folder / FILE)["unit_tests"].values()
    apart = [test["name"] for test in tests if POSTGRES_ONLY.search(str(test))]
    with target_lock(settings, "prod") as lock, Session(settings) as session:
        command = ["--quiet", "test", "--select", "test_type:unit", "--exclude", *apart]
        run_dbt(session, command, name, lock=lock, variables=engine.variables())
    results = load(folder / RESULTS)["results"]
    states = {r["unique_id"]: r["status"] for r in results if r["unique_id"].startswith("unit_")}
    return len(states), [name for name, state in states.items() if state != "pass"]
