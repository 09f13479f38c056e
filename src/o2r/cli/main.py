"""The command `o2r`: thin commands, each of which calls one function and prints its answer."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from o2r.cli.ci import app as ci_app
from o2r.cli.config import app as config_app
from o2r.cli.dashboards import app as dashboards_app
from o2r.cli.export import app as export_app
from o2r.cli.lake import app as lake_app
from o2r.cli.loading import app as loading_app
from o2r.cli.metabase import app as metabase_app
from o2r.cli.metric import app as metric_app
from o2r.cli.scheduled import app as scheduled_app
from o2r.cli.site import app as site_app
from o2r.cli.terminal import names_in, own_command, print_answer
from o2r.errors import UserError

if TYPE_CHECKING:
    from o2r.settings import Settings


class _Group(TyperGroup):
    """Turns a UserError into one line on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from None


AsOf = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Build as of this day, not of the newest complete."),
]
app = typer.Typer(
    cls=_Group,
    help="O2R, the Observability-to-Revenue analytics platform.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(ci_app, name="ci")
app.add_typer(config_app, name="config")
app.add_typer(metabase_app, name="metabase")
app.add_typer(metric_app, name="metric")
app.add_typer(dashboards_app, name="dashboards")
app.add_typer(lake_app, name="lake")
app.add_typer(export_app, name="export")
app.add_typer(loading_app)
app.add_typer(scheduled_app)
app.add_typer(site_app, name="site")


@app.command()
def up(
    port: Annotated[
        int | None, typer.Option(help="Also listen on this TCP port of 127.0.0.1.")
    ] = None,
) -> None:
    """Start the embedded server, unless POSTGRES_HOST names one."""
    from o2r.settings import load_settings
    from o2r.warehouse import embedded

    settings = load_settings(tcp_port=port) if port else load_settings()
    if not settings.embedded:
        typer.echo(f"nothing to start: POSTGRES_HOST is {settings.host}")
        return
    server = embedded.up(settings)
    typer.echo(f"running: process {server.pid}, socket folder {server.socket_dir}")
    if server.tcp:
        typer.echo(
            f"127.0.0.1:{server.port}, user {embedded.SUPERUSER}, password in "
            f"{embedded.password_file(settings)}"
        )
    _ready_plain_dbt(settings)


@app.command()
def down() -> None:
    """Stop the embedded server."""
    from o2r.settings import load_settings
    from o2r.warehouse import embedded

    typer.echo("stopped" if embedded.down(load_settings()) else "was not running")


@app.command()
def status() -> None:
    """Say where the warehouse runs, what was delivered and kept out, and what metrics lack."""
    from o2r.cli.terminal import print_readiness
    from o2r.dashboards.readiness import of_warehouse
    from o2r.settings import load_settings
    from o2r.warehouse.doctor import status as read_status
    from o2r.warehouse.query import Session

    settings = load_settings()
    found = read_status(settings)
    typer.echo(f"PostgreSQL {found.version}, {found.where}")
    typer.echo(f"databases: {', '.join(found.databases)} (in use: {settings.database})")
    if not found.rows:
        typer.echo("no bronze tables yet: run `o2r setup`")
        return
    filled = [(table, rows) for table, rows in found.rows.items() if rows]
    loaded, taken_back = found.batches
    typer.echo(
        f"bronze: {len(found.rows)} tables, {len(filled)} with rows, {loaded} batches"
        + (f" ({taken_back} more taken back)" if taken_back else "")
    )
    if filled:
        with Session(settings) as session:
            print_readiness(of_warehouse(session))


@app.command()
def setup() -> None:
    """Create the database, schemas, roles, bronze tables and grants; safe to run again."""
    from o2r.dashboards.metabase.reader import make_reader
    from o2r.settings import load_settings
    from o2r.warehouse import setup as run_setup

    settings = load_settings()
    done = run_setup(settings)
    if settings.metabase_reader_password:
        make_reader(settings)
    typer.echo(f"database {settings.database}: {len(done.scripts)} scripts run")
    if done.altered:
        typer.echo(f"made or altered: {shorten(', '.join(done.altered), 300)}")
    _ready_plain_dbt(settings)


def _ready_plain_dbt(settings: Settings) -> None:
    """Let `cd dbt && dbt build` work as well: a profile, and packages where there are none."""
    from o2r.builds.packages import PACKAGES, install_packages
    from o2r.warehouse.profile import write_profile

    if write_profile(settings.project) and not (settings.dbt_dir / PACKAGES).is_dir():
        typer.echo(install_packages(settings.dbt_dir))


@app.command()
def sql(
    statement: Annotated[str, typer.Argument(help="A statement; - reads it from stdin.")],
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Allow changes.")] = False,
) -> None:
    """Query the warehouse (read-only unless --write)."""
    from o2r.settings import load_settings
    from o2r.warehouse.query import run_sql, write_csv

    answer = run_sql(
        load_settings(), sys.stdin.read() if statement == "-" else statement, write=write
    )
    if not answer.columns:
        typer.echo(answer.message, err=csv)
    elif csv:
        write_csv(answer, sys.stdout)
    else:
        print_answer(answer)


@app.command()
def doctor() -> None:
    """Check that everything O2R needs is there; exit code 1 if not."""
    from o2r.settings import load_settings
    from o2r.warehouse.doctor import doctor

    checks = doctor(load_settings())
    for check in checks:
        typer.echo(f"{'ok  ' if check.good else 'FAIL'} {check.name}: {check.detail}")
    if not all(check.good for check in checks):
        raise typer.Exit(1)


@app.command()
def health(
    target: Annotated[str, typer.Option(help="prod, dev, ci or personal.")] = "prod",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say whether the platform is well: sources, builds, rows, disk; exit code 1 if not."""
    import json

    from o2r.health import WRONG, examine
    from o2r.settings import load_settings
    from o2r.warehouse.query import Answer

    findings = examine(load_settings(), target)
    if as_json:
        typer.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        print_answer(Answer(["area", "subject", "state", "found", "what to do"], findings, ""))
    if any(finding.state == WRONG for finding in findings):
        raise typer.Exit(1)


@app.command()
def generate(
    accounts: Annotated[int, typer.Option(help="Accounts that ever signed up.")] = 200,
    weeks: Annotated[int, typer.Option(help="Weeks of telemetry.")] = 26,
    events: Annotated[int, typer.Option(help="Requests, roughly.")] = 500_000,
    seed: Annotated[int, typer.Option(help="Seed; the same gives the same bytes.")] = 7,
    end_date: Annotated[
        str | None, typer.Option(help="Last day, YYYY-MM-DD; default yesterday (UTC).")
    ] = None,
    faults: Annotated[
        str, typer.Option(help="Delivery faults, comma-separated: late,duplicate,malformed,...")
    ] = "",
    ahead: Annotated[
        int,
        typer.Option(help="Days after the last one that `o2r live` can land; none with faults."),
    ] = 0,
) -> None:
    """Simulate a company for `o2r load --dataset demo`."""
    from o2r.demo.run import simulate
    from o2r.settings import load_settings

    settings = load_settings()
    simulate(
        settings,
        end_date,
        accounts=accounts,
        weeks=weeks,
        events=events,
        seed=seed,
        ahead=ahead,
        faults=tuple(names_in(faults)),
    )
    typer.echo(f"written to {settings.demo_dir}; load it with `o2r load --dataset demo`")


@app.command()
def deps() -> None:
    """Install the dbt packages: from the package hub, else the offline stand-ins."""
    from o2r.builds.packages import install_packages
    from o2r.settings import load_settings

    settings = load_settings()
    typer.echo(install_packages(settings.dbt_dir))
    _ready_plain_dbt(settings)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def build(
    context: typer.Context,
    target: Annotated[str, typer.Option(help="prod, dev, ci or personal.")] = "prod",
    if_changed: Annotated[
        bool,
        typer.Option("--if-changed/--always", help="Only what something new reaches, or all."),
    ] = True,
    save_manifest: Annotated[
        Path | None,
        typer.Option(help="Folder that gets the manifest of a complete prod build, for `o2r ci`."),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="postgres, or what builds prod from the lake: duckdb.")
    ] = "postgres",
    as_of: AsOf = None,
) -> None:
    """Build silver and gold and test their rows; further arguments go to `dbt build`.

    Tables that nothing new reaches stay as they are. --always and --full-refresh make all anew.
    Another engine builds all of prod; gold is exchanged when every test has passed.
    """
    from o2r.builds.run import build as run_build
    from o2r.settings import load_settings

    settings = load_settings(**({"as_of": as_of} if as_of else {}))
    if engine != "postgres":
        from o2r.lake.build import build_with

        if target != "prod" or context.args or save_manifest:
            raise UserError(
                f"engine {engine} builds all of target prod: leave out what else you say"
            )
        build_with(settings, engine, only_if_changed=if_changed, say=typer.echo)
        return
    run_build(
        settings,
        target,
        context.args,
        only_if_changed=if_changed,
        manifest_dir=save_manifest,
        say=typer.echo,
    )


@app.command()
def publish(
    target: Annotated[str, typer.Option(help="prod, dev, ci or personal.")] = "prod",
    only_gold: Annotated[
        bool, typer.Option("--only-gold", help="Build gold on the silver that is there.")
    ] = False,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Build incremental models anew.")
    ] = False,
    variables: Annotated[
        str | None, typer.Option("--vars", help="dbt variables, such as 'weeks_per_month: 4'.")
    ] = None,
    save_manifest: Annotated[
        Path | None, typer.Option(help="Folder that gets the manifest of prod, for `o2r ci`.")
    ] = None,
    as_of: AsOf = None,
    wait: Annotated[float, typer.Option(help="Minutes to wait for readers of gold.")] = 10,
) -> None:
    """Build and test gold aside, then put it in place of the old one as a whole."""
    from o2r.builds.publish import publish as run_publish
    from o2r.settings import load_settings

    done = run_publish(
        load_settings(**({"as_of": as_of} if as_of else {})),
        target,
        only_gold=only_gold,
        full_refresh=full_refresh,
        variables=variables,
        manifest_dir=save_manifest,
        patience=60 * wait,
    )
    typer.echo(f"published: {done.count} tables in {done.schema}")
    if done.gone:
        typer.echo(f"gone from {done.schema}: {', '.join(done.gone)}")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def dbt(
    context: typer.Context,
    target: Annotated[str, typer.Option(help="prod, dev, ci or personal.")] = "personal",
) -> None:
    """Run any dbt command on this warehouse, such as `o2r dbt source freshness`."""
    from o2r.builds.run import dbt as run_dbt
    from o2r.settings import load_settings

    raise typer.Exit(run_dbt(load_settings(), context.args, target))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def mf(
    context: typer.Context,
    target: Annotated[str, typer.Option(help="prod, dev, ci or personal.")] = "prod",
    provisional: Annotated[
        bool, typer.Option("--provisional", help="Also periods whose values can still change.")
    ] = False,
) -> None:
    """Ask the semantic layer: any MetricFlow command, such as `o2r mf list metrics`."""
    from o2r.metricflow import mf as run_mf
    from o2r.settings import load_settings

    raise typer.Exit(run_mf(load_settings(), context.args, target, provisional=provisional))


@app.command()
def demo() -> None:
    """Start, simulate, load, build, print the headline numbers, and where the dashboards are."""
    from o2r.demo.run import run_demo
    from o2r.settings import load_settings

    settings = load_settings()
    front = run_demo(settings, typer.echo)
    _ready_plain_dbt(settings)
    headline()
    typer.echo(f"\nThe dashboards, in any browser:\n  {front.as_uri()}")


@app.command()
def headline() -> None:
    """Print the headline metrics, each of its newest final week."""
    from o2r.demo.run import headline as read_headline
    from o2r.settings import load_settings
    from o2r.warehouse.query import Answer

    rows = read_headline(load_settings())
    typer.echo(f"\nHeadline metrics, week of {rows[0][-1]} unless another is named")
    newest = rows[0][-1]
    shown = [(*row[:4], None if row[-1] == newest else row[-1]) for row in rows]
    print_answer(Answer(["metric", "value", "unit", "week before", "week of"], shown, ""))
    o2r = own_command()
    typer.echo(
        "Where to look next:\n"
        f'  every number      {o2r} sql "select * from mart_gold.metric_values limit 20"\n'
        f'  what it means     {o2r} sql "select metric, formula, unit '
        'from mart_gold.metric_catalog"\n'
        f'  what moved        {o2r} sql "select sentence from mart_gold.o2r_weekly_story '
        "where movement like 'unusually%' order by week_start desc limit 10\"\n"
        f'  what came first   {o2r} sql "select cause, outcome, lag_weeks, correlation, pair_count '
        'from mart_gold.o2r_signal_chain where is_best_lag and is_significant"'
    )


@app.command()
def replay(
    days: Annotated[int, typer.Option(help="Evenings to replay.")] = 45,
    faults: Annotated[
        str, typer.Option(help="Comma-separated: late,duplicate,..., all or none.")
    ] = "all",
    seed: Annotated[int, typer.Option(help="Seed; the same gives the same deliveries.")] = 7,
    accounts: Annotated[int, typer.Option(help="Accounts of the simulated company.")] = 25,
    events_per_day: Annotated[int, typer.Option(help="Requests per day, roughly.")] = 100,
    check_every: Annotated[
        int, typer.Option(help="Compare after so many evenings, and after the last.")
    ] = 15,
    end_date: Annotated[
        str | None, typer.Option(help="Last evening, YYYY-MM-DD; default yesterday (UTC).")
    ] = None,
    marts: Annotated[bool, typer.Option(help="Compare marts too, not only what they read.")] = True,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the scratch database.")] = False,
) -> None:
    """Build day after day under faults, and compare with a full refresh; exit code 1 if unequal."""
    from o2r.replay import replay as run_replay
    from o2r.replay import summary
    from o2r.replay.run import read_choices
    from o2r.settings import load_settings

    choices = read_choices(
        days=days,
        faults=faults,
        seed=seed,
        accounts=accounts,
        events=events_per_day,
        check_every=check_every,
        end=end_date,
        marts=marts,
        keep=keep,
    )
    report = run_replay(load_settings(), choices, typer.echo)
    typer.echo("\n".join(summary(report)))
    if report.problems:
        raise typer.Exit(1)
