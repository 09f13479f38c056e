"""Commands `o2r ci`: what pull requests and deployments call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.callback(invoke_without_command=True)
def ci(
    context: typer.Context,
    state: Annotated[
        Path | None,
        typer.Option(help="Folder of the production manifest; without it everything is built."),
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(help="NAME in the schemas dbt_ci_NAME_...; default: the pull request."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the schemas.")] = False,
) -> None:
    """Build what differs from production in schemas of its own, and drop them."""
    if context.invoked_subcommand:
        return
    from o2r.builds.slim_ci import run
    from o2r.settings import load_settings

    run(load_settings(), typer.echo, state=state, name=schema, keep=keep)


@app.command()
def manifest(
    folder: Annotated[Path, typer.Argument(help="Folder that gets the manifest.")],
) -> None:
    """Save the manifest of this commit, once another machine has built production from it."""
    from o2r.builds.run import parse_manifest
    from o2r.settings import load_settings

    parse_manifest(load_settings(), folder)


@app.command()
def clean(
    schema: Annotated[str | None, typer.Option(help="NAME of the run.")] = None,
    older_than: Annotated[float | None, typer.Option(help="Age of the run in days.")] = None,
) -> None:
    """Drop the schemas that killed or kept CI runs left."""
    from o2r.builds.slim_ci import clean as run_clean
    from o2r.settings import load_settings

    dropped = run_clean(load_settings(), name=schema, older_than_days=older_than)
    typer.echo(f"dropped: {', '.join(dropped) or 'nothing'}")
