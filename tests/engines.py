"""What tests do with other engines: build a database's company there, and compare every cell."""

from o2r.builds.manifests import FILE, load
from o2r.builds.run import target_lock, work_dir
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
