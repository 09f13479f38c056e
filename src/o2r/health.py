"""`o2r health`: is what readers see fresh, complete and made by runs that went well?

docs/runbook.md says what to do about each finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from o2r.builds.ledger import fate
from o2r.builds.manifests import RESULTS
from o2r.builds.reconcile import compare_now, in_words
from o2r.builds.run import check_target, work_dir
from o2r.builds.table_states import bronze_lost, look
from o2r.contracts import SCHEMA, load_contracts
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse.doctor import check_disk
from o2r.warehouse.query import Session

OK, LATE, CHECK, WRONG = "ok", "late", "check", "WRONG"
LONGEST_RUN = timedelta(hours=3)
CLOCKS_DIFFER = timedelta(hours=1)
"""How far a stamp may be ahead of the clock: another machine's clock, no wrong date."""
WEEK = 7
LEAST_LEFT = 0.9
"""Part of the rows of a layer that must be left of the day before, or of a bronze table."""


class Finding(NamedTuple):
    """One line: what was looked at, its state (ok, late, check, WRONG), what was found, advice."""

    area: str
    subject: str
    state: str
    found: str
    what_to_do: str


def examine(settings: Settings, target: str = "prod", now: datetime | None = None) -> list[Finding]:
    """Look at sources, builds, quarantine, ledger, layers, tables, tiers, disk, as they are now.

    now: the present, with time zone; the clock unless said.
    Raises UserError when the warehouse cannot be reached or is not set up.
    """
    check_target(target)
    now = now or datetime.now(UTC)
    with Session(settings) as session:
        at_work = _at_work(session, target)
        return [
            *_sources(session, now),
            *_feeds(session, target),
            *_builds(session, target, now, at_work),
            *_quarantine(session, now),
            *_ledger(session),
            *_reconciliation(session, target, now),
            *_left_out(session, target),
            *(_not_compared(session, target, now) if at_work else _tables(session, target, now)),
            *_row_counts(session, target, now),
            *([] if at_work else _plan_tiers(session, target)),
            _disk(session),
        ]


def _sources(session: Session, now: datetime) -> Iterator[Finding]:
    """Age of the newest row of each source that models depend on; one never filled is not late."""
    contracts = load_contracts(session.settings.dbt_dir).values()
    newest = " union all ".join(
        f"select '{one.table}', max(loaded_at) filter (where loaded_at <= %(now)s), "
        f"count(*) filter (where loaded_at > %(now)s), max(loaded_at) from {SCHEMA}.{one.table}"
        for one in contracts
    )
    found = session.query(newest.replace("%(now)s", "%s"), *[now] * 2 * len(contracts))
    loaded = {table: at for table, at, *_ in found}
    for table, _, ahead, latest in found:
        if latest and latest > now + CLOCKS_DIFFER:
            yield Finding(
                "source",
                table,
                WRONG,
                f"{ahead} rows are stamped ahead of the clock, up to {latest:%F %T} UTC: until "
                "then they beat every correction",
                "see docs/runbook.md, rows from the future",
            )
    for one in (one for one in contracts if one.stale_after):
        at = loaded[one.table]
        if at is None:
            yield Finding("source", one.table, OK, "never delivered", "")
            continue
        age, late_after = now - at, one.late_after or one.stale_after
        state = WRONG if age > one.stale_after else LATE if age > late_after else OK
        yield Finding(
            "source",
            one.table,
            state,
            f"newest row {_age(age)} old, late after {_age(late_after)}, "
            f"stale after {_age(one.stale_after)}",
            "" if state == OK else f"ask {one.source} for the delivery, then `o2r load`",
        )


def _feeds(session: Session, target: str) -> Iterator[Finding]:
    """Up to which day each feed is known; of production, once it has been built."""
    [(is_built,)] = session.query("select to_regclass('mart_gold.feed_status') is not null")
    if target != "prod" or not is_built:
        return
    rows = session.query(
        "select bronze_table, feed, status, days_behind, usual_gap_days, reason "
        "from mart_gold.feed_status order by bronze_table",
    )
    for table, feed, status, behind, usual, reason in rows:
        state, what = OK, ""
        if status == "behind":
            # A week longer than its longest usual silence: no week of its metrics closes any more.
            state = WRONG if usual and behind > usual + WEEK else LATE
            what = (
                f"load what is missing of {table}: until then no period of a metric that reads "
                f"{feed} is complete; if it has ended, name it in `o2r config set retired_feeds`"
            )
        yield Finding("feed", table, state, reason, what)


def _at_work(session: Session, target: str) -> bool:
    """Whether a run holds the lock of the target: one that is noted as running is then alive."""
    [(alive,)] = session.query(
        "select exists (select from pg_locks where locktype = 'advisory' and granted "
        "and classid = hashtext('o2r build')::oid and objid = hashtext(%s)::oid "
        "and database = (select oid from pg_database where datname = current_database()))",
        target,
    )
    return alive


def _builds(session: Session, target: str, now: datetime, alive: bool) -> Iterator[Finding]:
    """The newest run of each kind, and any that has been at it for too long or was killed.

    What failed before a later run has built everything is settled.
    """
    rows = session.query(
        "select distinct on (kind) build_id, kind, outcome, started_at, finished_at, message, "
        "arguments, "
        "exists (select from ops.builds later where later.target = runs.target "
        "and later.build_id > runs.build_id and later.outcome = 'succeeded' "
        "and later.arguments !~ '--(select|exclude)' "
        "and later.build_id in (select build_id from ops.row_counts)) as is_settled "
        "from ops.builds runs where target = %s order by kind, build_id desc",
        target,
    )
    if not rows:
        yield Finding("run", target, WRONG, "never built", "run `o2r build` or `o2r publish`")
    results = work_dir(session.settings, target) / "target" / RESULTS
    for build_id, kind, outcome, started, finished, message, arguments, is_settled in rows:
        state, what = OK, ""
        if outcome == "running" and not alive:
            outcome, message, _ = fate(build_id, kind, results)
        found = f"{outcome} {_age(now - (finished or started))} ago"
        if finished and started:
            found += f", took {_age(finished - started)}"
        if arguments:
            found += f" ({arguments})"
        if is_settled:
            found += ", and all was built since"
        elif outcome == "running" and alive and now - started <= LONGEST_RUN:
            found = f"running for {_age(now - started)}"
        elif outcome == "running" and alive:
            state, found = WRONG, f"running for {_age(now - started)}"
            what = "see what it waits for (docs/runbook.md, stuck run)"
        elif outcome == "killed":
            state, found = WRONG, f"killed, started {_age(now - started)} ago"
            what = f"run `o2r {kind}` again"
        elif outcome == "failed":
            state, found = WRONG, f"{found}: {message}"
            what = f"correct that, then run `o2r {kind}` again"
        elif message:
            state, found = LATE, f"{found}: {message}"
            what = f"run `o2r {kind}` again to compare them"
        yield Finding("run", f"last {kind}", state, found, what)


def _quarantine(session: Session, now: datetime) -> Iterator[Finding]:
    """Rows kept out of bronze in the last day against the day before, by table."""
    rows = session.query(
        "select table_name, "
        "coalesce(sum(quarantined) filter (where finished_at > %s - interval '1 day'), 0)::bigint, "
        "coalesce(sum(quarantined) filter (where finished_at > %s - interval '2 days' "
        "and finished_at <= %s - interval '1 day'), 0)::bigint, sum(quarantined)::bigint "
        "from ops.load_batches where unloaded_at is null "
        "group by table_name having sum(quarantined) > 0 order by 1",
        *[now] * 3,
    )
    if not rows:
        yield Finding("quarantine", "all tables", OK, "empty", "")
    for table, today, before, total in rows:
        grows = today > before
        what = (
            f'`o2r sql "select reason, count(*) from ops.quarantined_rows where table_name = '
            f"'{table}' group by 1\"`"
        )
        yield Finding(
            "quarantine",
            table,
            WRONG if grows else OK,
            f"{today} rows in the last day, {before} the day before, {total} in all",
            what if grows else "",
        )


def _ledger(session: Session) -> Iterator[Finding]:
    """Received = inserted + duplicate + quarantined, and the quarantine holds what it says."""
    rows = session.query(
        "select batch_id, source_file, quarantined, kept from ("
        " select batches.*, (select count(*) from ops.quarantined_rows rows "
        "  where rows.batch_id = batches.batch_id) as kept from ops.load_batches batches"
        ") found where received <> inserted + duplicate + quarantined or quarantined <> kept "
        "order by batch_id",
    )
    warned = session.query(
        "select batch_id, warning from ops.load_batches "
        "where warning is not null and unloaded_at is null order by batch_id",
    )
    if not rows and not warned:
        yield Finding("ledger", "all batches", OK, "balanced", "")
    for batch, warning in warned:
        what = "see docs/runbook.md, a wrong file was loaded"
        yield Finding("ledger", f"batch {batch}", LATE, warning, what)
    for batch, file, quarantined, kept in rows:
        yield Finding(
            "ledger",
            f"batch {batch}",
            WRONG,
            f"{file}: {quarantined} rows quarantined, {kept} kept, or the counts do not add up",
            "find out who changed ops (docs/runbook.md, load mismatch)",
        )


def _reconciliation(session: Session, target: str, now: datetime) -> Iterator[Finding]:
    """The comparison of the layers at the end of the last complete run."""
    rows = session.query(
        "select check_name, unit, bronze, silver, gold, difference, left_out_count, build_id, "
        "checked_at from ops.reconciliation where target = %s and build_id = ("
        "select max(build_id) from ops.reconciliation where target = %s) order by 1, 2",
        target,
        target,
    )
    if not rows:
        yield Finding(
            "reconciliation", target, LATE, "never compared", "run `o2r build` or `o2r publish`"
        )
    for check, unit, bronze, silver, gold, difference, left_out, build, at in rows:
        found = f"bronze {bronze:f}, silver {silver:f}, gold {gold:f}, left out {left_out}"
        yield Finding(
            "reconciliation",
            check if check == unit else f"{check} {unit}",
            WRONG if difference else OK,
            f"{found} (as of run {build}, {_age(now - at)} ago)",
            "see docs/runbook.md, layers differ" if difference else "",
        )


def _not_compared(session: Session, target: str, now: datetime) -> Iterator[Finding]:
    """While a run replaces one table after the other they fit neither it nor the one before."""
    [(noted,)] = session.query(
        "select max(noted_at) from ops.table_states where target = %s", target
    )
    since = f"what is said here is as of {_age(now - noted)} ago" if noted else "never noted"
    yield Finding(
        "tables", target, LATE, f"not looked at while a run is at work: {since}", "ask again later"
    )


def _tables(session: Session, target: str, now: datetime) -> Iterator[Finding]:
    """Tables as they are now: against what their last build noted, and layer against layer."""
    tables = look(session, target)
    if not tables:
        yield Finding(
            *("tables", target, LATE, "never noted: nothing can be said of now", "run `o2r build`")
        )
        return
    for layer in dict.fromkeys(table.layer for table in tables):
        of_layer = [table for table in tables if table.layer == layer]
        if all(table.fault is None for table in of_layer):
            rows = sum(table.row_count for table in of_layer)
            last = max(table.noted_at for table in of_layer)
            found = f"{rows} rows in {len(of_layer)} tables now, as built {_age(now - last)} ago"
            yield Finding("tables", layer, OK, found, "")
        for table in of_layer:
            if table.fault:
                yield Finding(
                    "tables",
                    f"{table.schema}.{table.name}",
                    WRONG,
                    f"{table.fault} ({_age(now - table.noted_at)} ago)",
                    "run `o2r build --full-refresh` (docs/runbook.md, table changed)",
                )
    for name, rows, expected, is_noted in bronze_lost(session, target):
        why = "updates or erasures are noted" if is_noted else "nobody has noted why"
        is_small = is_noted and rows > LEAST_LEFT * expected
        yield Finding(
            "tables",
            f"{SCHEMA}.{name}",
            LATE if is_small else WRONG,
            f"has {rows} rows, {expected} by the last run and the loads since; {why}",
            "see docs/runbook.md, rows lost; if it was meant, run `o2r build --always`",
        )
    yield from _layers_now(session, target, any(table.count_now is None for table in tables))


def _layers_now(session: Session, target: str, is_part_gone: bool) -> Iterator[Finding]:
    compared = None if is_part_gone else compare_now(session, target)
    if compared is None:
        return
    wrong = [row for row in compared if row.difference]
    yield Finding(
        "reconciliation",
        "now",
        WRONG if wrong else OK,
        "; ".join(map(in_words, wrong or compared)) + " in bronze / silver / gold at this moment",
        "see docs/runbook.md, layers differ" if wrong else "",
    )


def _left_out(session: Session, target: str) -> Iterator[Finding]:
    """Rows of bronze that no model read in the newest run, and keys that it took for one."""
    rows = session.query(
        "select table_name, row_count, merged_keys, build_id from ops.left_out_rows "
        "where row_count + merged_keys > 0 and build_id = ("
        "select max(build_id) from ops.left_out_rows where target = %s) order by table_name",
        target,
    )
    for table, count, merged, build in rows:
        yield Finding(
            "left out",
            table,
            LATE,
            f"{count} rows that the contract forbids, {merged} keys that differ from another in "
            f"case or blanks only (run {build})",
            "correct what writes them (docs/runbook.md, rows left out)",
        )


def _row_counts(session: Session, target: str, now: datetime) -> Iterator[Finding]:
    """Rows of the newest complete run against the newest that is at least 20 hours older."""
    rows = session.query(
        "with runs as (select build_id, finished_at from ops.builds where target = %s "
        "and outcome = 'succeeded' and build_id in (select build_id from ops.row_counts)), "
        "newest as (select * from runs order by build_id desc limit 1), "
        "older as (select runs.build_id from runs, newest where runs.finished_at "
        "< newest.finished_at - interval '20 hours' order by runs.build_id desc limit 1) "
        "select layer, table_name, coalesce(now.row_count, 0), before.row_count, "
        "(select finished_at from newest) from (select * from ops.row_counts "
        "where build_id = (select build_id from newest)) now "
        "left join (select * from ops.row_counts where build_id = (select build_id from older)) "
        "before using (layer, table_name) order by layer, table_name",
        target,
    )
    for layer in ("bronze", "silver", "gold"):
        of_layer = [row[1:4] for row in rows if row[0] == layer]
        if not of_layer:
            continue
        total = sum(count for _, count, _ in of_layer)
        older = [(name, count, before) for name, count, before in of_layer if before is not None]
        before = sum(count for *_, count in older)
        emptied = [name for name, count, before_it in older if before_it and not count]
        lost = bool(emptied) or sum(count for _, count, _ in older) < LEAST_LEFT * before
        found = (
            f"{total} rows in {len(of_layer)} tables after the last run, {_age(now - rows[0][4])} "
            f"ago, {before if older else 'none'} the day before"
        )
        if emptied:
            found += f"; now empty: {', '.join(emptied)}"
        yield Finding(
            "rows",
            layer,
            WRONG if lost else OK,
            found,
            "see docs/runbook.md, rows lost" if lost else "",
        )


def _plan_tiers(session: Session, target: str) -> Iterator[Finding]:
    """Accounts whose contract in force is of another plan tier than the CRM names."""
    schema = "mart_gold" if target == "prod" else f"dbt_{target}_mart_gold"
    [(is_built,)] = session.query(
        "select exists (select from information_schema.columns where table_schema = %s "
        "and table_name = 'dim_account' and column_name = 'crm_plan_tier')",
        schema,
    )
    if not is_built:
        return
    differs = (
        "plan_tier_source = 'contract' and crm_plan_tier <> 'Unknown' "
        "and lower(plan_tier) <> lower(crm_plan_tier)"
    )
    [(told, different)] = session.query(
        "select count(*) filter (where plan_tier_source = 'contract'), "
        f"count(*) filter (where {differs}) from {schema}.dim_account",
    )
    if told:
        yield Finding(
            "accounts",
            "plan tier",
            CHECK if different else OK,
            f"{told} told by contracts, of which the CRM names another for {different}; "
            "the contract counts",
            "correct the CRM (docs/runbook.md, tiers differ)" if different else "",
        )


def _disk(session: Session) -> Finding:
    try:
        return Finding("disk", "free", OK, check_disk(session.settings), "")
    except UserError as error:
        return Finding("disk", "free", WRONG, str(error), "see docs/runbook.md, disk")


def _age(span: timedelta) -> str:
    """A span in the unit that fits it, such as 5 h."""
    seconds = max(span.total_seconds(), 0)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
