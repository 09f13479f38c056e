"""docker/first-load asks a real warehouse whether it has been built before."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
O2R = """#!/bin/sh
[ "$1" != sql ] || exec {o2r} "$@"
echo "$*" >> {calls}
"""


@pytest.mark.parametrize(
    ("builds", "loads"),
    [
        ([], True),
        ([("prod", "", "succeeded")], False),
        ([("prod", "", "failed"), ("prod", "", "killed"), ("prod", "", "running")], True),
        ([("dev", "", "succeeded"), ("prod", "--select stg_tickets", "succeeded")], True),
        ([("prod", "", "succeeded"), ("prod", "", "failed")], False),
    ],
    ids=["never", "built", "not to its end", "something else", "built, then failed"],
)
def test_only_a_warehouse_without_a_complete_build_is_filled(
    warehouse, query, environ, tmp_path, builds, loads
):
    for build in builds:
        query(
            warehouse,
            "insert into ops.builds (target, arguments, outcome, fingerprint) "
            "values (%s, %s, %s, '')",
            build,
        )
    calls = tmp_path / "calls"
    calls.touch()
    real = Path(sys.executable).with_name("o2r")
    (tmp_path / "o2r").write_text(
        O2R.format(o2r=shlex.quote(str(real)), calls=shlex.quote(str(calls)))
    )
    (tmp_path / "o2r").chmod(0o755)
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "O2R_DATASET": "demo"}
    done = subprocess.run(
        [ROOT / "docker" / "first-load"],
        env={**environ(warehouse), **variables},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert calls.read_text().split() == (["demo"] if loads else [])
