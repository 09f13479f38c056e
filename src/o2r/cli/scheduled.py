"""Commands of `o2r` for the scheduler: what its DAGs call beside the others, and the scheduler."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated

import typer

from o2r.cli.terminal import names_in
from o2r.errors import UserError

app = typer.Typer()
airflow_app = typer.Typer(help="Airflow with the project's DAGs on this machine.")
app.add_typer(airflow_app, name="airflow")


@app.command()
def land(
    tools: Annotated[
        str, typer.Option("--from", help="Tools whose exports may be there: stripe,hubspot,...")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="End with one line of JSON, not with an error.")
    ] = False,
) -> None:
    """Load the files in the landing folder (O2R_LANDING); a bad one keeps out itself only."""
    from o2r.bronze.loader import load_each
    from o2r.settings import load_settings

    settings = load_settings()
    settings.landing.mkdir(parents=True, exist_ok=True)
    mapping = settings.landing / "mapping.yml"
    notes: list[str] = []
    results, refused = load_each(
        settings.landing,
        mapping if mapping.is_file() else None,
        tools=names_in(tools),
        settings=settings,
        note=notes.append,
    )
    new = [result for result in results if not result.already_loaded]
    inserted, quarantined = (sum(getattr(r, n) for r in new) for n in ("inserted", "quarantined"))
    typer.echo(
        f"{settings.landing}: {len(new)} new files of {len(results) + len(refused)}, "
        f"{inserted} rows inserted, {quarantined} quarantined"
    )
    for result in results:
        if result.taken_back:
            typer.echo(
                f"left out: {result.source_file}: batch {result.taken_back} of it was taken back: "
                "remove it from the folder, or load it by `o2r load`"
            )
        if result.warning:
            typer.echo(f"warning: {result.warning}", err=True)
    for line in (*notes, *(f"refused: {line}" for line in refused)):
        typer.echo(line, err=True)
    if as_json:
        typer.echo(json.dumps({"files": len(new), "inserted": inserted, "refused": refused}))
    elif refused:
        raise typer.Exit(1)


@app.command()
def live(
    until: Annotated[
        str | None, typer.Option(help="Last day, YYYY-MM-DD; default yesterday (UTC).")
    ] = None,
) -> None:
    """Land the next days of the demo company in bronze, up to and with one day."""
    from o2r.demo.live import land_days
    from o2r.demo.run import yesterday
    from o2r.settings import load_settings

    try:
        day = date.fromisoformat(until) if until else yesterday()
    except ValueError:
        raise UserError(f"o2r live: --until must be YYYY-MM-DD, not {until}") from None
    results = land_days(load_settings(), day)
    rows = sum(result.inserted for result in results)
    typer.echo(f"landed up to {day}: {rows:,} new rows from {len(results)} files")


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD (UTC).")],
    last: Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD (UTC).")],
) -> None:
    """Have days built again, whole, from bronze by the next build of every target."""
    from o2r.bronze.backfill import mark_stale
    from o2r.settings import load_settings

    marked = mark_stale(load_settings(), first, last)
    typer.echo(
        f"{marked.days} days ({marked.first} to {marked.last}) of {len(marked.tables)} event "
        "tables are built again by the next build of each target"
    )


@airflow_app.command()
def up(
    port: Annotated[int, typer.Option(help="TCP port of 127.0.0.1 for the UI.")] = 8080,
) -> None:
    """Start Airflow on the warehouse's server, and stay until Ctrl-C or `o2r airflow down`."""
    from o2r.scheduler import serve
    from o2r.settings import load_settings

    serve(load_settings(), port, typer.echo)


@airflow_app.command()
def down() -> None:
    """Stop Airflow and all that it has started."""
    from o2r.scheduler import stop
    from o2r.settings import load_settings

    typer.echo("stopped" if stop(load_settings()) else "was not running")
