"""What the command `o2r` shows on a terminal: tables and a progress bar."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from o2r.errors import UserError

if TYPE_CHECKING:
    from o2r.bronze.ledger import Batch
    from o2r.dashboards.readiness import Readiness
    from o2r.warehouse.query import Answer


def own_command() -> str:
    """How to call this command from the folder one is in, activated environment or not."""
    command = Path(sys.executable).with_name("o2r")
    here = Path.cwd()
    return str(command.relative_to(here) if command.is_relative_to(here) else command)


def names_in(text: str) -> list[str]:
    """Names that an option lists, between commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def print_answer(answer: Answer) -> None:
    """Print rows as a table as wide as its content, numbers to the right."""
    from decimal import Decimal

    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    from o2r.warehouse.query import text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for position, name in enumerate(answer.columns):
        numeric = any(isinstance(row[position], int | float | Decimal) for row in answer.rows)
        table.add_column(Text(name), justify="right" if numeric else "left", no_wrap=True)
    for row in answer.rows:
        table.add_row(*(Text(text(value)) for value in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        unlimited = console.options.update(max_width=100_000)
        console = Console(width=Measurement.get(console, unlimited, table).maximum)
    console.print(table)


def print_readiness(found: Readiness) -> None:
    """Print sources that hold something, rows kept out, and metrics without a value."""
    import typer

    from o2r.warehouse.query import Answer

    names = ["table", "rows", "first day", "last day", "days behind", "newest row came", "kept out"]
    rows = [
        (one.table, one.rows, one.first_day, one.last_day, one.behind, one.newest_load,
         one.kept_out)
        for one in found.sources if one.rows or one.kept_out
    ]  # fmt: skip
    print_answer(Answer(names, rows, ""))
    if found.kept_out:
        typer.echo("Rows kept out, by reason, with an example")
        names = ["table", "reason", "rows", "example", "where", "in the mapping"]
        rows = [
            (one.table, one.reason, one.rows, one.example, one.where, one.mapping)
            for one in found.kept_out
        ]
        print_answer(Answer(names, rows, ""))
    if lacking := [(one.metric, one.lacks) for one in found.metrics if one.lacks]:
        typer.echo(f"Metrics without a value: {len(lacking)} of {len(found.metrics)}")
        print_answer(Answer(["metric", "what it lacks"], lacking, ""))


def ask_to_take_back(batches: list[Batch], *, yes: bool) -> None:
    """Show what is about to leave bronze, and go on when it is meant.

    Raises UserError when it is not, or when there is nobody to ask.
    """
    import typer

    from o2r.warehouse.query import Answer

    rows = [
        (one.batch_id, one.source_file, one.table, f"{one.loaded_at:%F %T}", one.rows, one.holds)
        for one in batches
    ]
    names = ["batch", "file", "table", "loaded", "rows to leave", "repeated by later batches"]
    print_answer(Answer(names, rows, ""))
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError("nothing changed: add --yes to take these rows out of bronze")
    if not typer.confirm("Take these rows out of bronze?"):
        raise UserError("nothing changed")


class progress_bar:  # noqa: N801 - used as a function
    """Context of a progress bar on stderr when it is a terminal; gives the loader's callback."""

    def __enter__(self) -> Any:
        self._bar = None
        if not sys.stderr.isatty():
            return None
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        tasks: dict[str, Any] = {}

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = self._bar.add_task(name, total=total)
            self._bar.update(tasks[name], completed=done)

        return show

    def __exit__(self, *_error: object) -> None:
        if self._bar:
            self._bar.stop()
