"""Commands of `o2r site`: the dashboards without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The dashboards as pages that open from disk.", no_args_is_help=True)

Target = Annotated[str, typer.Option(help="prod, dev, ci or personal.")]


@app.command()
def build(
    target: Target = "prod",
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; default below O2R_HOME.")
    ] = None,
) -> None:
    """Write every dashboard and metric of a target as pages; print the address of the first."""
    from o2r.dashboards.site import build_site
    from o2r.settings import load_settings

    typer.echo(build_site(load_settings(), target, out).as_uri())


@app.command()
def serve(
    target: Target = "prod",
    out: Annotated[Path | None, typer.Option(help="Folder of the site.")] = None,
    port: Annotated[int, typer.Option(help="TCP port of 127.0.0.1.")] = 8090,
) -> None:
    """Serve a site that was built, on this machine only, until Ctrl-C."""
    from o2r.dashboards.site import serve as run_server
    from o2r.dashboards.site import site_folder
    from o2r.settings import load_settings

    run_server(out or site_folder(load_settings(), target), port, typer.echo)


@app.command()
def wbr(
    week: Annotated[str, typer.Option(help="Monday of the week, YYYY-MM-DD.")],
    target: Target = "prod",
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; default below O2R_HOME.")
    ] = None,
) -> None:
    """Write the Weekly Business Review of a week: one HTML file, and pictures of its charts."""
    from o2r.dashboards.site import write_review
    from o2r.settings import load_settings

    for path in write_review(load_settings(), week, target, out):
        typer.echo(path)
