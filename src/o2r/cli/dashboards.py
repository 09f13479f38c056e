"""Commands `o2r dashboards`: check the definitions in metabase/, write dbt's exposures."""

from __future__ import annotations

import typer

app = typer.Typer(help="The dashboards in metabase/.")


@app.command()
def check() -> None:
    """Compare the dashboards with gold and with dbt's exposures; exit code 1 if they differ."""
    from o2r.dashboards.check import check as run_check
    from o2r.dashboards.read import read_definitions
    from o2r.settings import load_settings

    settings = load_settings()
    definitions = read_definitions(settings)
    findings = run_check(definitions, settings.dbt_dir)
    for line in findings:
        typer.echo(line)
    if findings:
        raise typer.Exit(1)
    boards = definitions.dashboards.values()
    typer.echo(f"{len(boards)} dashboards, {sum(len(board.cards) for board in boards)} cards")


@app.command()
def write() -> None:
    """Write dbt/models/exposures.yml, which is made from the dashboards."""
    from o2r.dashboards.exposures import FILE
    from o2r.dashboards.exposures import write as run_write
    from o2r.dashboards.read import read_definitions
    from o2r.settings import load_settings

    settings = load_settings()
    changed = run_write(read_definitions(settings), settings.dbt_dir)
    typer.echo(f"dbt/{FILE.as_posix()}: {'written' if changed else 'nothing has changed'}")
