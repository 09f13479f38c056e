"""From nothing to a filled warehouse with its dashboards, and the headline numbers of one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from psycopg2.errors import UndefinedTable

from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse import connect

HEADLINE = (
    "weekly_revenue", "weekly_growth_rate_pct", "ytd_revenue", "target_attainment_pct", "arr",
    "nrr_pct", "active_accounts", "retention_rate_pct", "usage_retention_rate_pct",
    "adoption_rate_pct", "cs_score", "error_rate_pct", "latency_p90_ms", "throttle_rate_pct",
    "uptime_pct", "ticket_volume",
)  # fmt: skip
"""Metrics of the demo's closing table, in order."""
DAYS_AHEAD = 182
"""Days that the company of `o2r demo` can live on, see o2r.demo.live."""


def yesterday() -> date:
    """The last complete day in UTC, the default end of a simulation."""
    return datetime.now(UTC).date() - timedelta(days=1)


def simulate(settings: Settings, end_date: str | None = None, **choices: object) -> None:
    """Write a simulated company to `settings.demo_dir`; nothing to do if it is there already.

    end_date: last day as YYYY-MM-DD, None for yesterday; choices: see SimulationConfig.
    Raises UserError for a choice out of range, or a folder that cannot be written.
    """
    from o2r.synthetic import SimulationConfig, generate

    try:
        last_day = date.fromisoformat(end_date) if end_date else yesterday()
        config = SimulationConfig(end_date=last_day, **choices)
    except ValueError as error:
        raise UserError(f"cannot simulate: {error}") from None
    try:
        generate(config, settings.demo_dir)
    except OSError as error:
        raise UserError(
            f"cannot write to {settings.demo_dir} ({error.strerror or error}): "
            "make room, or set O2R_HOME to another folder"
        ) from None


def run_demo(settings: Settings, say: Callable[[str], None]) -> Path:
    """Start the warehouse, simulate the demo, load it and build it; each step only if needed.

    A demo that was generated before is kept as it is, so a second run changes no number. Returns
    the front page of the dashboards.
    Raises UserError when a step fails.
    """
    from o2r.builds.run import build
    from o2r.dashboards.site import build_site
    from o2r.demo.datasets import load_dataset
    from o2r.warehouse import embedded, setup
    from o2r.warehouse.connection import BUILDER

    if settings.embedded:
        say("1/5 starting the embedded PostgreSQL")
        embedded.up(settings)
    else:
        say(f"1/5 using the PostgreSQL server {settings.host}")
    if settings.embedded or settings.user != BUILDER:
        setup(settings)  # the builder finds it done
    if (settings.demo_dir / "manifest.json").is_file():
        say(f"2/5 keeping the demo data in {settings.demo_dir}")
    else:
        say(f"2/5 simulating a company into {settings.demo_dir}")
        simulate(settings, ahead=DAYS_AHEAD)
    results = load_dataset("demo", settings)
    inserted = sum(result.inserted for result in results)
    say(f"3/5 bronze: {inserted:,} new rows from {len(results)} files")
    say("4/5 building and testing silver and gold (a minute or two the first time)")
    is_new = build(settings, quiet=True, progress=True, only_if_changed=True)
    if not is_new:
        say("    gold is up to date")
    say("5/5 writing the dashboards")
    return build_site(settings, only_if_changed=not is_new)


def headline(settings: Settings) -> list[tuple]:
    """The newest final week of each headline metric.

    Returns rows (metric, value, unit, week before, week), values as Decimal, None when missing. A
    metric has a week of its own: adoption is final 91 days after it.
    Raises UserError when gold is not built, or holds no complete week.
    """
    connection = connect(settings)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                with weekly as (
                    select * from mart_gold.metric_values
                    where grain = 'week' and is_final and dimension = 'all'
                ),
                newest as (
                    select metric, max(period_start) as week_start from weekly group by metric
                )
                select
                    catalog.metric_name, round(this_week.value, 2), catalog.unit,
                    round(week_before.value, 2), newest.week_start
                from unnest(%s::text[]) with ordinality as wanted (metric, position)
                join mart_gold.metric_catalog as catalog using (metric)
                left join newest using (metric)
                left join weekly as this_week
                    on this_week.metric = wanted.metric
                    and this_week.period_start = newest.week_start
                left join weekly as week_before
                    on week_before.metric = wanted.metric
                    and week_before.period_start = newest.week_start - 7
                order by wanted.position
                """,
                (list(HEADLINE),),
            )
            rows = cursor.fetchall()
    except UndefinedTable:
        raise UserError("gold is not built yet: run `o2r build`") from None
    finally:
        connection.close()
    if not rows or rows[0][-1] is None:
        raise UserError("gold holds no complete week of revenue yet: load data, then `o2r build`")
    return rows
