"""What has been delivered, what was kept out, and what each metric lacks: site and `o2r status`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from o2r.bronze.kept_out import Ask, KeptOut, kept_out
from o2r.contracts import SCHEMA, Contract, load_contracts
from o2r.dashboards.lineage import Lineage, needs
from o2r.dashboards.metrics import catalogue
from o2r.dashboards.queries import resolved
from o2r.warehouse.query import Session

FEEDS = (
    "select bronze_table, first_date::text, last_date::text, days_behind::text, reason "
    "from {{ ref('feed_status') }} where first_date is not null"
)
FINAL = (
    "select metric, max(period_start)::text from {{ ref('metric_values') }} "
    "where is_final and dimension = 'all' group by metric"
)


@dataclass(frozen=True)
class Source:
    """One bronze table as it is. Days are UTC, ISO 8601; None where it speaks of no day.

    behind: days that it lags the as-of day; None of a table that nobody waits for.
    newest_load: when its newest row came. kept_out: rows that did not come in.
    """

    table: str
    rows: int
    first_day: str | None
    last_day: str | None
    behind: int | None
    newest_load: str | None
    kept_out: int


@dataclass(frozen=True)
class MetricState:
    """One metric: the newest final period in which it has a value, else what it lacks."""

    metric: str
    name: str
    final_period: str | None
    lacks: str | None


@dataclass(frozen=True)
class Readiness:
    """All that stands between the deliveries and the numbers."""

    sources: list[Source]
    kept_out: list[KeptOut]
    metrics: list[MetricState]


def of_warehouse(session: Session) -> Readiness:
    """That of production, whether gold is built or not."""
    [(is_built,)] = session.query(
        "select to_regclass('mart_gold.feed_status') is not null "
        "and to_regclass('mart_gold.metric_values') is not null"
    )
    return readiness(
        session.query,
        session.settings.dbt_dir,
        (lambda model: f"mart_gold.{model}") if is_built else None,
    )


def readiness(ask: Ask, dbt_dir: Path, resolve: Callable[[str], str] | None) -> Readiness:
    """Look at bronze, and at gold where it is built.

    ask: runs SQL. resolve: relation of a model of gold; None where gold is not built.
    """
    contracts = load_contracts(dbt_dir)
    reasons = kept_out(ask, contracts)
    feeds = {row[0]: row[1:] for row in ask(resolved(FEEDS, resolve))} if resolve else {}
    final = dict(ask(resolved(FINAL, resolve))) if resolve else {}
    sources = []
    for table, rows, first, last, loaded in ask(_bronze(contracts)):
        known = feeds.get(table)
        out = sum(one.rows for one in reasons if one.table == table)
        if known:
            first, last = known[0], known[1]
        behind = int(known[2]) if known and known[2] is not None else None
        sources.append(Source(table, int(rows), first, last, behind, loaded, out))
    have = {one.table for one in sources if one.rows}
    lacking = Lineage(dbt_dir).lacking(have)
    names = catalogue(dbt_dir)
    metrics = [
        MetricState(
            metric,
            names[metric]["metric_name"],
            final.get(metric),
            None
            if metric in final
            else needs(lacking[metric])
            or ("no period of it is final yet" if resolve else "gold is not built yet"),
        )
        for metric in sorted(lacking)
    ]
    return Readiness(sources, reasons, metrics)


def _bronze(contracts: dict[str, Contract]) -> str:
    """SQL of each table: name, rows, first and last day, newest load; all as text."""
    return (
        " union all ".join(
            f"select '{name}', count(*)::text, min({_day(one)})::text, max({_day(one)})::text, "
            f"to_char(max(loaded_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI') from {SCHEMA}.{name}"
            for name, one in contracts.items()
        )
        + " order by 1"
    )


def _day(contract: Contract) -> str:
    if contract.event_day:
        return contract.event_day
    if contract.partition_column:
        return f"cast(timezone('UTC', {contract.partition_column}) as date)"
    return "cast(null as date)"
