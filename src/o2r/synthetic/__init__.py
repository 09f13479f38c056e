"""A seeded, causal simulator of an AI-inference company, written as bronze Parquet files.

    from o2r.synthetic import SimulationConfig, generate
    generate(SimulationConfig(end_date=date(2026, 11, 21)), Path("data/demo"))

The planted causes and their lags are in `truth`; everything else is noise drawn around them.
"""

from o2r.synthetic.config import FAULTS, SimulationConfig
from o2r.synthetic.generate import generate
from o2r.synthetic.write import Manifest

__all__ = ["FAULTS", "Manifest", "SimulationConfig", "generate"]
