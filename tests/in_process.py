"""dbt inside the test process: several commands then start, import and parse it once."""

import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from types import SimpleNamespace
from unittest.mock import patch

from dbt.cli.main import dbtRunner

from o2r import transform


@contextmanager
def dbt_in_process() -> Iterator[list]:
    """Let `o2r.transform.dbt` call dbt directly instead of starting a process.

    Gives the list of results of the commands run (dbtRunnerResult), the newest last.
    """
    results = []

    def run(
        command: list[str], *, cwd: os.PathLike, env: dict[str, str], stdout, check: bool, pass_fds
    ):
        assert stdout is None
        assert not check
        with chdir(cwd), patch.dict(os.environ, env, clear=True):
            results.append(dbtRunner().invoke(command[3:]))
        if results[-1].success:
            return SimpleNamespace(returncode=0)
        return SimpleNamespace(returncode=1 if results[-1].exception is None else 2)

    with patch.object(transform, "subprocess", SimpleNamespace(run=run)):
        yield results
