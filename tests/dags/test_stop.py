"""`o2r airflow down`, without an Airflow."""

import json
import subprocess
import sys

import psutil
import pytest

from o2r import scheduler
from o2r.scheduler.home import make_folder
from o2r.settings import load_settings

HOLD = """
import fcntl, signal, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
signal.pause()
"""


@pytest.fixture
def started():
    """Start processes, each in a session of its own; killed afterwards."""
    processes = []

    def start(*command):
        processes.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, text=True)
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_components_of_a_supervisor_that_dies_at_this_moment_are_ended(tmp_path, started):
    """It still holds the lock when asked to stop, and ends without stopping anything."""
    settings = load_settings(home=tmp_path)
    folder = make_folder(settings)
    component = started("sleep", "60")
    supervisor = started(sys.executable, "-c", HOLD, str(folder.path / "lock"))
    assert supervisor.stdout.readline() == "locked\n"
    sessions = {"scheduler": (component.pid, psutil.Process(component.pid).create_time())}
    folder.processes.write_text(
        json.dumps({"supervisor": supervisor.pid, "port": 1, "sessions": sessions})
    )
    assert scheduler.stop(settings)
    assert component.poll() is not None
    assert not folder.processes.exists()
