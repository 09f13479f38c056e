"""The datasets that come with the project: the book's chapter 12, and the synthetic demo."""

import hashlib
import json
from pathlib import Path

from o2r.bronze.loader import BatchResult, Progress, load
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse.connection import connect

CHAPTER12 = Path(__file__).parent / "chapter12"
DATASETS = ("chapter12", "demo")
TRUTH_FIELDS = ("effect", "cause", "outcome", "lag_weeks", "elasticity", "description")


def load_dataset(
    name: str, settings: Settings, *, mix: bool = False, progress: Progress | None = None
) -> list[BatchResult]:
    """Load one of DATASETS; for `demo` also its planted truth, into ops.synthetic_truth.

    Raises UserError for an unknown name, and for `demo` before `o2r generate`.
    """
    if name not in DATASETS:
        raise UserError(f"unknown dataset '{name}': choose from {', '.join(DATASETS)}")
    if name == "chapter12":
        mapping = CHAPTER12 / "mapping.yml"
        return load(CHAPTER12, mapping, name, mix=mix, settings=settings, progress=progress)
    truth = settings.demo_dir / "synthetic_truth.json"
    if not truth.is_file():
        raise UserError(f"no demo data in {settings.demo_dir}: run `o2r generate`")
    name = company(settings)
    results = load(settings.demo_dir, None, name, mix=mix, settings=settings, progress=progress)
    _load_truth(settings, name, json.loads(truth.read_text("utf-8")))
    return results


def company(settings: Settings) -> str:
    """Name of the dataset that `settings.demo_dir` holds.

    Every generated company is a dataset of its own: two of them share identifiers, not facts.
    """
    manifest = (settings.demo_dir / "manifest.json").read_bytes()
    return f"demo-{hashlib.sha256(manifest).hexdigest()[:8]}"


def _load_truth(settings: Settings, dataset: str, effects: list[dict]) -> None:
    """Replace the planted effects of one dataset."""
    connection = connect(settings, as_loader=True)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("delete from ops.synthetic_truth where dataset = %s", (dataset,))
            cursor.executemany(
                f"insert into ops.synthetic_truth (dataset, {', '.join(TRUTH_FIELDS)}) "
                "values (%s, %s, %s, %s, %s, %s, %s)",
                [(dataset, *(effect[field] for field in TRUTH_FIELDS)) for effect in effects],
            )
    finally:
        connection.close()
