"""Commands `o2r export`: files for advertising platforms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Audiences and conversions as files for advertising platforms.", no_args_is_help=True
)

Platform = Annotated[str, typer.Option(help="google or meta.")]


@app.command()
def audience(
    name: Annotated[str, typer.Argument(help="Audience, such as at_risk.")],
    platform: Platform,
    out: Annotated[
        Path | None,
        typer.Option(help="A .csv file, or a folder; default a folder below O2R_HOME."),
    ] = None,
    show_sizes: Annotated[
        bool, typer.Option("--preview", help="Only count; write and record nothing.")
    ] = False,
) -> None:
    """Write the customer list of an audience: hashes of people who agree to marketing now."""
    from o2r.cli.terminal import print_answer
    from o2r.export import export_audience, preview
    from o2r.settings import load_settings
    from o2r.warehouse.query import Answer

    settings = load_settings()
    if show_sizes:
        sizes = preview(settings, name, platform)
        rows = [(key.replace("_", " "), value) for key, value in vars(sizes).items()]
        print_answer(Answer([f"{name} for {platform}", "count"], rows, ""))
        return
    done, sizes = export_audience(settings, name, platform, out)
    typer.echo(f"{done.row_count} people written to {done.path}")
    if sizes.reachable < sizes.minimum:
        typer.echo(f"note: {platform} works with {sizes.minimum} people or more", err=True)


@app.command()
def signals(
    platform: Platform,
    out: Annotated[Path | None, typer.Option(help="Folder; default one below O2R_HOME.")] = None,
) -> None:
    """Write the conversions that a platform has not been given yet, and what has changed since."""
    from o2r.export import export_signals
    from o2r.settings import load_settings

    files, notes = export_signals(load_settings(), platform, out)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    for file in files:
        late = f", {file.late} of them late" if file.late else ""
        typer.echo(f"{file.row_count} {file.content}{late} written to {file.path}")
    if not files:
        typer.echo(f"nothing new for {platform}")


@app.command()
def log() -> None:
    """List what was exported, newest first."""
    from o2r.cli.terminal import print_answer
    from o2r.settings import load_settings
    from o2r.warehouse.query import run_sql

    print_answer(
        run_sql(
            load_settings(),
            "select export_id as export, platform, content, as_of_date as as_of, "
            "row_count as rows, exported_by as by, date_trunc('second', exported_at) as at, "
            "case when delivered_at is null then 'interrupted' else file_name end as file, sha256 "
            "from ops.exports order by export_id desc",
        )
    )
