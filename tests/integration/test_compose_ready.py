"""`.ci/compose_ready.py` with a `docker` that answers as the test says."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "compose_ready.py"
DOCKER = """#!/bin/sh
case "$2" in
config) cat "$ANSWERS/config" ;;
ps) set -- "$ANSWERS"/ps*
    cat "$1"
    [ $# = 1 ] || rm "$1" ;;
esac
"""
CONFIG = {"services": {"load": {"restart": "no"}, "web": {"restart": "unless-stopped"}}}


def state(service: str, name: str, health: str = "", code: int = 0) -> dict:
    return {"Service": service, "State": name, "Health": health, "ExitCode": code}


WEB_STARTING = state("web", "running", "starting")
WEB_HEALTHY = state("web", "running", "healthy")
LOAD_RUNNING = state("load", "running")
LOAD_DONE = state("load", "exited")


@pytest.fixture
def ready(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the script; each argument is one answer of `docker compose ps`, the last for ever."""
    answers = tmp_path / "answers"
    answers.mkdir()
    (answers / "config").write_text(json.dumps(CONFIG))
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)

    def run(*states: list[dict]) -> subprocess.CompletedProcess[str]:
        for number, containers in enumerate(states):
            lines = "".join(f"{json.dumps(container)}\n" for container in containers)
            (answers / f"ps{number}").write_text(lines)
        return subprocess.run(
            [sys.executable, SCRIPT, "--pause", "0.05", "--minutes", "0.01"],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "ANSWERS": str(answers)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def test_it_waits_for_health_and_for_the_end_of_what_runs_once(ready):
    done = ready(
        [WEB_STARTING], [WEB_STARTING, LOAD_RUNNING], [WEB_HEALTHY, LOAD_RUNNING],
        [WEB_HEALTHY, LOAD_DONE],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "waiting for load (missing), web (starting)",
        "waiting for load (running), web (starting)",
        "waiting for load (running)",
        "everything is ready",
    ]


@pytest.mark.parametrize(
    "containers",
    [[], [WEB_HEALTHY], [LOAD_DONE], [WEB_STARTING, LOAD_DONE], [WEB_HEALTHY, LOAD_RUNNING]],
    ids=["nothing", "not loaded", "no web", "web starts", "loading"],
)
def test_what_is_not_ready_in_time_fails(ready, containers):
    done = ready(containers)
    assert done.returncode == 1
    assert done.stderr.startswith("error: not ready in time: ")


@pytest.mark.parametrize(
    ("containers", "message"),
    [
        ([WEB_HEALTHY, state("load", "exited", code=3)], "load ended with exit code 3"),
        ([state("web", "exited"), LOAD_DONE], "web ended with exit code 0"),
    ],
)
def test_what_has_failed_fails_at_once(ready, containers, message):
    done = ready(containers)
    assert (done.returncode, done.stderr) == (1, f"error: {message}\n")


def test_an_unhealthy_service_is_not_ready(ready):
    done = ready([state("web", "running", "unhealthy"), LOAD_DONE])
    assert (done.returncode, done.stderr) == (1, "error: not ready in time: web (unhealthy)\n")
