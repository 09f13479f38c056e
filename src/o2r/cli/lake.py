"""Commands of `o2r lake`: files for other engines, and a cluster to try one."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Bronze as Parquet files, and the engines that build from them.")
cluster_app = typer.Typer(help="A Spark cluster on this machine, for trying it.")
app.add_typer(cluster_app, name="cluster")


@app.command()
def export() -> None:
    """Write what is new in bronze to the lake (O2R_LAKE), as Parquet files by day."""
    from o2r.lake.export import export as run_export
    from o2r.lake.export import lake_of
    from o2r.settings import load_settings
    from o2r.warehouse.query import Session

    settings = load_settings()
    lake = lake_of(settings)
    with Session(settings) as session:
        done = run_export(session, lake)
    typer.echo(f"{lake.url}: {done.tables} tables, {done.days} days written, {done.rows} rows")


@app.command()
def publish(
    engine: Annotated[str, typer.Option(help="duckdb or spark.")],
) -> None:
    """Hand back what the last build of an engine has made, when only that failed."""
    from o2r.lake.build import publish_from
    from o2r.settings import load_settings

    publish_from(load_settings(), engine, say=typer.echo)


@app.command()
def compare(
    engine: Annotated[str, typer.Option(help="duckdb or spark.")],
) -> None:
    """Compare each table that an engine has built with PostgreSQL's, cell by cell."""
    from o2r.builds.manifests import FILE, load
    from o2r.builds.run import work_dir
    from o2r.lake.compare import compare as run_compare
    from o2r.lake.engines import engine_of
    from o2r.settings import load_settings
    from o2r.warehouse.query import Session

    settings = load_settings()
    manifest = load(work_dir(settings, engine) / "target" / FILE)
    with Session(settings) as session:
        cells, found = run_compare(session, engine_of(settings, engine), manifest)
    for difference in found:
        typer.echo(str(difference), err=True)
    typer.echo(f"{cells:,} cells compared, {len(found)} tables differ")
    raise typer.Exit(1 if found else 0)


@cluster_app.command()
def up() -> None:
    """Start a master, two workers and the Thrift server."""
    from o2r.lake.cluster import up as run_up
    from o2r.settings import load_settings

    typer.echo(f"Spark answers at {run_up(load_settings())}; `make cluster-down` stops it")


@cluster_app.command()
def down() -> None:
    """Stop them; their tables stay."""
    from o2r.lake.cluster import down as run_down
    from o2r.settings import load_settings

    typer.echo("stopped" if run_down(load_settings()) else "no cluster was running")


@cluster_app.command()
def run(
    part: Annotated[str, typer.Argument(help="master, worker or server (of Thrift, for dbt).")],
    master: Annotated[str, typer.Option(help="Host of the master.")] = "localhost",
    host: Annotated[str, typer.Option(help="Name of this host, for the other parts.")] = "",
    cores: Annotated[int, typer.Option(help="Cores of a worker.")] = 1,
    memory: Annotated[str, typer.Option(help="Memory of a worker and its executor.")] = "1g",
) -> None:
    """Be one part of a cluster of several machines or containers, until told to end."""
    import socket

    from o2r.lake.cluster_parts import Place
    from o2r.lake.cluster_parts import run as run_part
    from o2r.settings import load_settings

    run_part(load_settings(), part, Place(host or socket.gethostname(), master, cores, memory))
