"""A Spark cluster on this machine, for trying it: a master, two workers and the Thrift server.

A supervisor starts again what has ended, as a service manager would: tables stay on disk, so a
build goes on after a lost worker, and can be run again after a lost server. Needs Java and the
group `spark`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from o2r.errors import UserError
from o2r.lake.cluster_parts import MASTER_PORT, PORT, Place, command, environment, folder, require
from o2r.settings import Settings, load_settings

HOST = "127.0.0.1"
SECONDS_TO_START, SECONDS_TO_STOP, PAUSE = 240, 30, 2
PARTS = {"master": "master", "worker-1": "worker", "worker-2": "worker", "server": "server"}
"""What is started, in this order: name, and which part it is."""


def up(settings: Settings) -> str:
    """Start the cluster, or find it at work; return where its Thrift server listens.

    Raises UserError without Java or pyspark, and when it does not answer in time.
    """
    require()
    own = folder(settings)
    if _supervisor(own) is None:
        for port in (MASTER_PORT, PORT):
            if _answers(port):
                raise UserError(f"port {port} is in use: stop what listens there first")
        own.mkdir(parents=True, exist_ok=True)
        with (own / "supervisor.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "o2r.lake.cluster"],
                env=os.environ
                | {"O2R_PROJECT": str(settings.project), "O2R_HOME": str(settings.home)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (own / "supervisor.pid").write_text(f"{process.pid}")
    until = time.monotonic() + SECONDS_TO_START
    while not _answers(PORT):
        if time.monotonic() > until or _supervisor(own) is None:
            raise UserError(f"the cluster does not answer: its logs are in {own}")
        time.sleep(0.5)
    return f"{HOST}:{PORT}"


def down(settings: Settings) -> bool:
    """Stop the cluster; return False when none was running. Its tables stay."""
    own = folder(settings)
    supervisor = _supervisor(own)
    if supervisor is None:
        return False
    started = [supervisor, *supervisor.children(recursive=True)]
    supervisor.terminate()
    _, left = psutil.wait_procs(started, timeout=SECONDS_TO_STOP)
    for process in left:
        process.kill()
    (own / "supervisor.pid").unlink(missing_ok=True)
    return True


def supervise(settings: Settings) -> None:
    """Keep all parts of the cluster at work until SIGTERM."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    own = folder(settings)
    place = Place(HOST, HOST)
    processes: dict[str, subprocess.Popen] = {}
    while not over.wait(PAUSE if processes else 0):
        for name, part in PARTS.items():
            if name not in processes or processes[name].poll() is not None:
                with (own / f"{name}.log").open("ab") as log:
                    processes[name] = subprocess.Popen(
                        command(settings, part, place),
                        env=environment(part, place),
                        cwd=own,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
                print(f"{time.strftime('%FT%T')} started {name}: {processes[name].pid}", flush=True)
    for process in processes.values():
        process.terminate()
    for process in processes.values():
        process.wait()


def _supervisor(own: Path) -> psutil.Process | None:
    """The supervisor that was started for this folder, if it is at work."""
    try:
        found = psutil.Process(int((own / "supervisor.pid").read_text()))
        is_it = "o2r.lake.cluster" in found.cmdline()
        return found if is_it and found.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, psutil.Error):
        return None


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


if __name__ == "__main__":
    supervise(load_settings())
