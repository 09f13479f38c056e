"""Commands `o2r metabase`: the dashboards in Metabase."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="The dashboards in Metabase: docs/metabase.md.")

Wait = Annotated[
    float, typer.Option(help="Seconds for Metabase to be ready, and to have read gold.")
]


@app.command()
def provision(
    wait: Wait = 120,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be changed, and change nothing.")
    ] = False,
    if_built: Annotated[
        bool, typer.Option("--if-built", help="Do nothing where gold is not built yet.")
    ] = False,
) -> None:
    """Make Metabase as metabase/ defines it: connection, dashboards, rights; safe to run again."""
    from o2r.dashboards.metabase.provision import provision as run
    from o2r.settings import load_settings

    settings = load_settings()
    changes = run(settings, wait=wait, dry_run=dry_run, if_built=if_built, say=typer.echo)
    if changes is None:
        typer.echo("gold is not built yet: nothing to show")
    elif not changes:
        typer.echo(f"{settings.metabase_url}: nothing to change")
    else:
        done = "would be made" if dry_run else "made"
        typer.echo(f"{settings.metabase_url}: {len(changes)} changes {done}")


@app.command()
def check(wait: Wait = 120) -> None:
    """Run every card in Metabase; exit code 1 if one fails, is missing, or has no rows."""
    from o2r.dashboards.metabase.check import check as run
    from o2r.settings import load_settings

    count, wrong = run(load_settings(), wait=wait)
    for line in wrong:
        typer.echo(f"WRONG {line}")
    typer.echo(f"{count} cards, {len(wrong)} findings")
    if wrong:
        raise typer.Exit(1)
