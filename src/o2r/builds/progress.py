"""dbt that says how far it is: `python -c "from o2r.builds.progress import main; main()" build`."""

from __future__ import annotations

import sys
import time
from typing import IO, Any

EVERY = 10.0  # seconds between two lines where stderr is no terminal


class Progress:
    """Takes dbt's events and says how many models and tests are done, of how many."""

    def __init__(self, output: IO[str]) -> None:
        self._output, self._is_terminal = output, output.isatty()
        self._done, self._said = 0, time.monotonic()

    def __call__(self, event: Any) -> None:
        name = event.info.name
        # a test counts the nodes of the run by another word than a model
        total = getattr(event.data, "total", 0) or getattr(event.data, "num_models", 0)
        if not (name.startswith("Log") and name.endswith("Result") and total):
            return
        self._done += 1
        now = time.monotonic()
        if self._is_terminal:
            print(f"\r    {self._line(total)}\033[K", end="", file=self._output, flush=True)
        elif now - self._said >= EVERY:
            print(f"    {self._line(total)}", file=self._output, flush=True)
            self._said = now

    def end(self) -> None:
        """Leave the line of a terminal empty for what comes next."""
        if self._is_terminal:
            print("\r\033[K", end="", file=self._output, flush=True)

    def _line(self, total: int) -> str:
        return f"{self._done} of {total} models and tests done"


def main() -> None:
    """Run the dbt command in sys.argv; the exit code is dbt's."""
    from dbt.cli.main import dbtRunner

    progress = Progress(sys.stderr)
    result = dbtRunner(callbacks=[progress]).invoke(sys.argv[1:])
    progress.end()
    if result.exception:
        print(result.exception, file=sys.stderr)
        sys.exit(2)
    sys.exit(0 if result.success else 1)
