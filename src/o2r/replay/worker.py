"""A process that runs one dbt command after the other, so that only the first one pays its start.

A process of its own, because dbt reads the environment, and because it can be killed.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from o2r.packages import install_packages
from o2r.settings import Settings
from o2r.transform import prepare


class DbtWorker:
    """dbt on one warehouse; a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._context = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection

    def __enter__(self) -> DbtWorker:
        install_packages(self._settings.dbt_dir)
        return self

    def __exit__(self, *_error: object) -> None:
        self._end()

    def run(self, arguments: Sequence[str], target: str = "prod") -> bool:
        """Run one dbt command; what fails is printed. Returns whether it succeeded."""
        self._send(arguments, target)
        try:
            return self._pipe.recv()
        except EOFError:
            self._end()
            return False

    def kill(self, arguments: Sequence[str], after: float, target: str = "prod") -> bool:
        """Start a dbt command and kill its process after so many seconds (SIGKILL).

        Returns whether it was still at work by then.
        """
        self._send(arguments, target)
        at_work = not self._pipe.poll(after)
        self._end()
        return at_work

    def _send(self, arguments: Sequence[str], target: str) -> None:
        if self._process is None:
            self._pipe, far_end = self._context.Pipe()
            self._process = self._context.Process(target=_serve, args=(far_end,), daemon=True)
            self._process.start()
            far_end.close()
        variables = prepare(self._settings, arguments, target)
        self._pipe.send((list(arguments), variables, self._settings.dbt_dir))

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None


def _serve(pipe: Connection) -> None:
    """Run what comes through the pipe until it is closed."""
    from dbt.cli.main import dbtRunner

    own = dict(os.environ)
    while True:
        try:
            arguments, variables, folder = pipe.recv()
        except EOFError:
            return
        os.environ.clear()
        os.environ.update(own | variables)
        os.chdir(Path(folder))
        result = dbtRunner().invoke(arguments)
        if result.exception is not None:
            print(f"dbt: {result.exception}", file=sys.stderr)
        pipe.send(bool(result.success))
