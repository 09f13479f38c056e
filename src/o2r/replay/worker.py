"""A process that runs one dbt command after the other, so that only the first one pays its start.

A process of its own, because dbt reads the environment, and because it can be killed.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import IO

from o2r.builds.packages import install_packages
from o2r.builds.run import RARELY, prepare
from o2r.settings import Settings

QUIET_KILL = "ignore:resource_tracker"
"""Python warns of what a killed process leaves to its helper to clean up."""


class DbtWorker:
    """dbt on one warehouse; a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: IO[bytes]

    def __enter__(self) -> DbtWorker:
        install_packages(self._settings.dbt_dir)
        return self

    def __exit__(self, *_error: object) -> None:
        self._end()

    def run(self, arguments: Sequence[str], target: str = "prod", *, keep: bool = False) -> bool:
        """Run one dbt command; what fails is printed. Returns whether it succeeded.

        keep: leave a table whose inputs are the same, as `o2r build` does.
        """
        self._send(arguments, target, keep)
        answer = self._answers.readline()
        if not answer:
            self._end()
        return answer == b"succeeded\n"

    def kill(
        self, arguments: Sequence[str], when: Callable[[], bool], target: str = "prod"
    ) -> bool:
        """Start a dbt command and kill its process (SIGKILL) as soon as `when` says so.

        Returns whether it was still at work by then.
        """
        self._send(arguments, target, True)
        while not (answered := select.select([self._answers], [], [], 0.1)[0]) and not when():
            pass
        self._end()
        return not answered

    def _send(self, arguments: Sequence[str], target: str, keep: bool) -> None:
        if self._process is None:
            self._start()
        variables = prepare(self._settings, target, keep=keep)
        order = json.dumps([list(arguments), variables])
        self._process.stdin.write(order.encode() + b"\n")
        self._process.stdin.flush()

    def _start(self) -> None:
        readable, writable = os.pipe()
        self._answers = os.fdopen(readable, "rb")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c"),
                f"{RARELY}from o2r.replay.worker import serve; serve({writable})",
            ],
            cwd=self._settings.dbt_dir,
            env={**os.environ, "PYTHONWARNINGS": QUIET_KILL},
            stdin=subprocess.PIPE,
            pass_fds=[writable],
        )
        os.close(writable)

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._answers.close()
            self._process = None


def serve(descriptor: int) -> None:
    """Run the dbt commands that come in on stdin until it is closed; answers go to a descriptor."""
    from dbt.cli.main import dbtRunner

    answers = os.fdopen(descriptor, "wb")
    own = dict(os.environ)
    for order in sys.stdin.buffer:
        arguments, variables = json.loads(order)
        os.environ.clear()
        os.environ.update(own | variables)
        result = dbtRunner().invoke(arguments)
        if result.exception is not None:
            print(f"dbt: {result.exception}", file=sys.stderr)
        answers.write(b"succeeded\n" if result.success else b"failed\n")
        answers.flush()
