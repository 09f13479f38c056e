"""Run a page of docs/tutorials as its reader would: its shell blocks, in an empty folder.

A block ```sh is run as it stands. A block ```text behind it is what it prints, blanks apart; a line
`...` in it stands for any lines. The checkout is where the page says it is, at ~/o2r.
"""

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from tests.in_process import put_parsed
from tests.metrics.warehouse import frame

from o2r.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "tutorials"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
END = "\x1e"
"""Stands in what the shell prints between that of two blocks."""


@dataclass(frozen=True)
class Step:
    """A block of commands, and the lines that the page says they print, None where it does not."""

    commands: str
    prints: list[str] | None


@dataclass(frozen=True)
class Done:
    """A page that has been run: its steps, what each printed, and the warehouse it left."""

    steps: list[Step]
    printed: list[list[str]]
    settings: Settings

    def answers(self) -> list[pd.DataFrame]:
        """Rows of each query of the page, in its order."""
        words = [shlex.split(step.commands) for step in self.steps]
        queries = [one[one.index("sql") + 1] for one in words if "sql" in one]
        return [frame(self.settings, query) for query in queries]


def steps_of(page: Path) -> list[Step]:
    """The steps of a page."""
    steps: list[Step] = []
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "sh":
            steps.append(Step(text, None))
        else:
            steps[-1] = Step(steps[-1].commands, lines(text))
    return steps


def lines(text: str) -> list[str]:
    """Lines that say something, with single blanks and without rules."""
    found = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in found if line.strip("─ ")]


def follow(name: str, folder: Path, server: Settings) -> Done:
    """Run the steps of a page in an empty folder; each page names a database of its own."""
    steps = steps_of(PAGES / f"{name}.md")
    [database] = re.findall(r"export POSTGRES_DB=(\w+)", "".join(one.commands for one in steps))
    settings = server.model_copy(update={"database": database})
    put_parsed(settings)
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    (home / "o2r").symlink_to(ROOT)
    script = "set -euo pipefail\n" + "".join(f"{one.commands}\nprintf '{END}'\n" for one in steps)
    run = subprocess.run(
        ["bash", "-c", script],
        cwd=work,
        env=os.environ | {"HOME": str(home), "O2R_HOME": str(server.home)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, f"{run.stdout[-3000:]}\n{run.stderr[-3000:]}"
    printed = [lines(text) for text in run.stdout.split(END)[:-1]]
    return Done(steps, printed, settings)


def differences(done: Done) -> list[str]:
    """Lines of the page that its commands did not print there, and lines that it leaves out."""
    found = []
    for step, printed in zip(done.steps, done.printed, strict=True):
        if step.prints is None:
            continue
        pattern = "".join(
            "(.*\n)*" if line == "..." else re.escape(line) + "\n" for line in step.prints
        )
        if not re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)):
            found += [step.commands.strip(), "the page:", *step.prints, "printed:", *printed]
    return found
