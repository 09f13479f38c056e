"""The metrics of the folder `metrics/`: read them, check them, derive what dbt and readers need."""

from o2r.metrics.check import problems
from o2r.metrics.derive import derived, write
from o2r.metrics.registry import FOLDER, Metric, Registry, read

__all__ = [
    "FOLDER",
    "Metric",
    "Registry",
    "derived",
    "problems",
    "read",
    "write",
]
