"""The processes of Airflow: each component leads a session, which its tasks belong to."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from o2r.errors import UserError
from o2r.scheduler.home import Folder, write_private

API_SERVER = "api-server"
OTHERS = ("scheduler", "dag-processor", "triggerer")
"""What needs the API server: a task that does not reach it at once counts as failed."""
SECONDS_TO_STOP = 40


def program() -> Path:
    """The command `airflow` beside this Python. Raises UserError when it is not installed."""
    found = Path(sys.executable).with_name("airflow")
    if not found.exists():
        raise UserError("Airflow is not installed: run `make install`")
    return found


def run(folder: Folder, variables: dict[str, str], *arguments: str) -> None:
    """Run one command of Airflow to its end. Raises UserError when it fails."""
    with folder.log("prepare") as log:
        done = subprocess.run(
            [program(), *arguments],
            env=variables,
            cwd=folder.path,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise UserError(
            f"`airflow {' '.join(arguments)}` failed; its log is {folder.logs / 'prepare.log'}"
        )


@dataclass
class Components:
    """Components that have been started, each in a session of its own."""

    folder: Folder
    variables: dict[str, str]
    port: int
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)
    sessions: dict[str, tuple[int, float]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start one, and note in the folder who was started by whom."""
        with self.folder.log(name) as log:
            process = subprocess.Popen(
                [program(), name],
                env=self.variables,
                cwd=self.folder.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes[name] = process
        self.sessions[name] = (process.pid, psutil.Process(process.pid).create_time())
        note = {"supervisor": os.getpid(), "port": self.port, "sessions": self.sessions}
        write_private(self.folder.processes, json.dumps(note))

    def check_alive(self) -> None:
        """Raise UserError when one has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise UserError(
                    f"Airflow's {name} has ended with exit code {process.returncode}; its log is "
                    f"{self.folder.logs / name}.log"
                )


def noted(folder: Folder) -> dict:
    """What was noted: supervisor (process id), port, sessions by component."""
    return json.loads(folder.processes.read_text())


def end(folder: Folder) -> bool:
    """End what is left of the noted sessions; False when there was nothing.

    The scheduler with its tasks goes first, while there is an API server to tell about them; not
    when it was killed, as its workers then wait for it and do not hear SIGTERM.
    """
    if not folder.processes.exists():
        return False
    sessions = noted(folder)["sessions"]
    scheduler, all_of_them = sessions.get("scheduler"), list(sessions.values())
    first = [scheduler] if scheduler and psutil.pid_exists(scheduler[0]) else []
    found = _members(all_of_them)
    for chosen, sign in (
        (first, signal.SIGTERM),
        (all_of_them, signal.SIGTERM),
        (all_of_them, signal.SIGKILL),
    ):
        left = _members(chosen)
        for process in left:
            try:
                process.send_signal(sign)
            except psutil.NoSuchProcess:
                continue
        _wait(left)
    folder.processes.unlink()
    return bool(found)


def _wait(processes: list[psutil.Process]) -> None:
    """Wait for their end, up to SECONDS_TO_STOP.

    A zombie has ended: nobody may ever ask for its exit code, such as in a container without init.
    """
    deadline = time.monotonic() + SECONDS_TO_STOP
    while any(map(_lives, processes)) and time.monotonic() < deadline:
        time.sleep(0.1)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _members(sessions: Iterable[tuple[int, float]]) -> list[psutil.Process]:
    """Processes that belong to sessions, each told by its leader's id and time of creation."""
    ids = set()
    for leader, created in sessions:
        try:
            is_other = psutil.Process(leader).create_time() != created
        except psutil.NoSuchProcess:
            is_other = False  # the number is not given anew while its session lives
        if not is_other:
            ids.add(leader)
    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in ids and _lives(process):
                members.append(process)
        except (ProcessLookupError, PermissionError):
            continue
    return members


@contextmanager
def lock(folder: Folder) -> Iterator[bool]:
    """Give True to the one process that holds the lock of the folder."""
    with (folder.path / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
