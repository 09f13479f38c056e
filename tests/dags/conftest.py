"""Airflow for the tests: described without a database, and running on the embedded server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def described(tmp_path_factory) -> dict:
    """What tests/dags/describe.py says about the DAG files, before any manifest is there."""
    home = tmp_path_factory.mktemp("airflow")
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "dags" / "describe.py"],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "airflow" / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "O2R_STATE": str(home / "no-state"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
