"""`o2r` for the tests of DAG runs: the same commands, but every build is of a few models.

Called as O2R_COMMAND. Whatever a DAG selects, a build is of the incremental models and what they
read; the manifest of such a build is none of production. While the file O2R_HOLD exists, a build
has begun and waits.
"""

import os
import sys
import time
from pathlib import Path

from o2r.cli import app

FEW = [
    "--select", "+config.materialized:incremental", "--exclude-resource-type", "unit_test",
    "--indirect-selection", "buildable",
]  # fmt: skip


def fewer(arguments: list[str]) -> list[str]:
    """The arguments of a build with another selection; those of other commands as they are."""
    if arguments[0] not in ("build", "publish"):
        return arguments
    kept, skipping = [], False
    for argument in arguments:
        if argument.startswith("--"):
            skipping = argument in ("--select", "--indirect-selection", "--save-manifest")
        if not skipping:
            kept.append(argument)
    return kept + FEW


if __name__ == "__main__":
    sys.argv[1:] = fewer(sys.argv[1:])
    if sys.argv[1] in ("build", "publish"):
        while Path(os.environ["O2R_HOLD"]).exists():
            time.sleep(0.1)
    app()
