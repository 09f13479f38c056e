"""Commands `o2r config`: what the company of this database states instead of the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from o2r.cli.terminal import print_answer
from o2r.errors import UserError

if TYPE_CHECKING:
    from o2r.company.file import Loaded

app = typer.Typer(help="Settings of the company of this database.", invoke_without_command=True)


@app.callback()
def config(context: typer.Context) -> None:
    """Without a command: list the settings in force."""
    if context.invoked_subcommand is None:
        show()


@app.command(name="list")
def show() -> None:
    """List every setting: the value in force, who stated it, what it says."""
    from o2r.company.stated import in_force
    from o2r.settings import load_settings
    from o2r.warehouse.query import Answer, Session

    with Session(load_settings()) as session:
        settings = in_force(session)
    rows = [
        (
            one.name,
            _text(one.value),
            f"{one.stated_by}, {one.stated_at:%F}, {one.stated_in}" if one.stated_by else "default",
            one.unit,
            one.words,
        )
        for one in settings
    ]
    print_answer(Answer(["setting", "value", "stated by", "unit", "what it says"], rows, ""))


@app.command(name="set")
def state_one(
    name: Annotated[str, typer.Argument(help="Setting, as `o2r config list` names it.")],
    value: Annotated[str, typer.Argument(help="Value, as in YAML: EUR, 4, '[web_events]'.")],
) -> None:
    """State a setting; the next `o2r build` follows."""
    import yaml

    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError:
        raise UserError(f"{name}: {value} is no YAML value") from None
    if found is None:
        raise UserError(f"{name}: say a value, or `o2r config unset {name}`")
    _state({name: found})


@app.command()
def unset(name: Annotated[str, typer.Argument(help="Setting.")]) -> None:
    """Take a setting back: the default holds again."""
    _state({name: None})


@app.command()
def load(
    path: Annotated[Path, typer.Argument(help="YAML file, see docs/bring-your-own-data.md.")],
    check: Annotated[bool, typer.Option("--check", help="Change nothing; name faults.")] = False,
) -> None:
    """Put in force what a file states: settings, targets, levels, promises, opening hours."""
    from o2r.company.file import load_company, read, refuse_faults
    from o2r.settings import load_settings

    settings = load_settings()
    statement = read(path, settings)
    if check:
        refuse_faults(statement, settings)
        typer.echo(f"{path}: fits, nothing changed")
        return
    print_loaded(load_company(statement, settings))


@app.command()
def export() -> None:
    """Print what the company states, as a file that `o2r config load` takes."""
    from o2r.company.file import exported
    from o2r.settings import load_settings
    from o2r.warehouse.query import Session

    with Session(load_settings()) as session:
        typer.echo(exported(session), nl=False)


def print_loaded(loaded: Loaded) -> None:
    """Say what a company's file has changed."""
    for batch in loaded.batches:
        done = "nothing new" if not batch.inserted else f"{batch.inserted:,} new rows"
        typer.echo(f"{batch.table}: {done}")
    _say_changed(loaded.settings)


def _state(changes: dict[str, Any]) -> None:
    from o2r.company.stated import state
    from o2r.settings import load_settings
    from o2r.warehouse.query import Session

    with Session(load_settings()) as session:
        _say_changed(state(session, changes))


def _say_changed(names: list[str]) -> None:
    if names:
        typer.echo(f"changed: {', '.join(names)}; `o2r build` or `o2r publish` follows")
    else:
        typer.echo("settings: nothing new")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return "none" if value is None else str(value)
