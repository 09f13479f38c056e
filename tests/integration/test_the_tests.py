"""The test suite itself: it cleans up when it is ended, and waits on no network for long."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.integration.metabase import schemas

ROOT = Path(__file__).resolve().parents[2]
SLOW = """
import time
from pathlib import Path

def test_slow(new_home):
    home = new_home("slow")
    home.mkdir()
    Path(__file__).with_name("home").write_text(str(home))
    time.sleep(60)
"""


def test_a_session_that_is_terminated_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "test_slow.py").write_text(SLOW)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:randomly"]
    command += ["-c", os.devnull, "--rootdir", str(tmp_path), str(tmp_path / "test_slow.py")]
    session = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    told = tmp_path / "home"
    while not told.is_file():
        assert session.poll() is None
        time.sleep(0.05)
    time.sleep(0.2)
    home = Path(told.read_text())
    assert home.is_dir()
    session.send_signal(signal.SIGTERM)
    assert session.wait(20) == pytest.ExitCode.INTERRUPTED
    assert not home.parent.exists()


def test_npm_without_a_registry_is_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def run(command: list[str], *, timeout: float, **_: object) -> None:
        tries.append(timeout)
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(schemas, "CACHE", tmp_path / "tools" / "schemas.json")
    monkeypatch.setattr(schemas.shutil, "which", lambda name: name)
    monkeypatch.setattr(schemas.subprocess, "run", run)
    for _ in range(3):
        with pytest.raises(schemas.UnavailableError, match=r"within 30 s"):
            schemas._schemas()
    assert tries == [schemas.SECONDS]
