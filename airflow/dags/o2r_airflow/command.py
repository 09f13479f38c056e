"""The operator that runs `o2r`, a command of a Python environment that may be another one."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseHook, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException, AirflowSkipException

CONNECTION = "o2r_postgres"
CHECKOUT = Path(__file__).resolve().parents[3]
SECONDS_TO_END = 30
"""What a command that is told to end has before it is killed."""


class O2ROperator(BaseOperator):
    """Run `o2r` with some arguments; the task fails when the command does.

    arguments: templated; an empty one is left out.
    only_if:   templated; the task is skipped where it comes out empty.
    failure:   what a failure means for the run, for the log.

    What the command prints goes to the task's log, its last line to XCom. The warehouse is the one
    of the Airflow Connection `o2r_postgres` when it exists, else of POSTGRES_* in the environment.
    """

    template_fields = ("arguments", "only_if")
    ui_color = "#dcefe6"

    def __init__(
        self,
        *,
        arguments: Sequence[str],
        only_if: str = "always",
        failure: str = "",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.arguments = list(arguments)
        self.only_if = only_if
        self.failure = failure
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Any) -> str:
        if not self.only_if:
            raise AirflowSkipException("not asked for")
        arguments = [argument for argument in self.arguments if argument]
        self.log.info("o2r %s", shlex.join(arguments))
        self._process = subprocess.Popen(
            [*command(), *arguments],
            cwd=project(),
            env=os.environ | connection_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,
        )
        last: deque[str] = deque(maxlen=1)
        try:
            for line in self._process.stdout:
                self.log.info("%s", line.rstrip())
                last.extend([line.strip()] if line.strip() else [])
            code = self._process.wait()
        finally:
            self.on_kill()
        said = "".join(last)
        if code:
            reason = f": {self.failure}" if self.failure else ""
            raise AirflowException(
                f"`o2r {shlex.join(arguments)}` ended with exit code {code}{reason}; "
                f"it last said: {said}"
            )
        return said

    def on_kill(self) -> None:
        """End the command and what it has started."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def command() -> list[str]:
    """How to call `o2r`: O2R_COMMAND, else beside this Python, else on the PATH.

    Raises AirflowException when it is nowhere.
    """
    if named := os.environ.get("O2R_COMMAND"):
        return shlex.split(named)
    beside = Path(sys.executable).with_name("o2r")
    found = str(beside) if beside.exists() else shutil.which("o2r")
    if not found:
        raise AirflowException(
            "the command o2r is neither beside Python nor on the PATH: set O2R_COMMAND"
        )
    return [found]


def project() -> Path:
    """The O2R checkout, in which relative paths start: O2R_PROJECT, else the one of this file."""
    return Path(os.environ.get("O2R_PROJECT") or CHECKOUT)


def connection_environment() -> dict[str, str]:
    """POSTGRES_* of the Connection `o2r_postgres`; empty when there is none."""
    try:
        found = BaseHook.get_connection(CONNECTION)
    except AirflowNotFoundException:
        return {}
    values = {
        "HOST": found.host,
        "PORT": found.port,
        "USER": found.login,
        "PASSWORD": found.password,
        "DB": found.schema,
    }
    return {f"POSTGRES_{name}": str(value) for name, value in values.items() if value}
