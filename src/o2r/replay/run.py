"""Replay a company evening by evening, building incrementally, and compare with a full refresh."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
from psycopg2 import errors, sql
from psycopg2.extensions import cursor as Cursor

from o2r.builds.run import work_dir
from o2r.contracts import load_contracts
from o2r.demo.run import yesterday
from o2r.errors import UserError
from o2r.replay import bronze
from o2r.replay.compare import Comparison, Table, built_tables, compare, fingerprints
from o2r.replay.faults import FAULTS, HISTORY_DAYS, mix_in
from o2r.replay.plan import Evening, Plan, cut
from o2r.replay.worker import DbtWorker
from o2r.settings import Settings
from o2r.synthetic import SimulationConfig, generate
from o2r.warehouse import connect, setup

FEWEST_DAYS = 6
"""Every fault strikes at least once within so many evenings."""
MARK = "Scratch database of `o2r replay`: each replay drops it."
INCREMENTAL, FULL = "prod", "dev"
"""dbt targets of the tables built evening by evening, and of those built in full."""
SEEDS_AND_MODELS = ["build", "--exclude-resource-type", "test", "unit_test"]
INCREMENTAL_MODELS = ["--select", "+config.materialized:incremental"]
WITHOUT_VIEWS = ["--exclude", "config.materialized:view"]

Say = Callable[[str], None]


@dataclass(frozen=True)
class Choices:
    """What a caller may choose about a replay.

    days:         evenings, at least FEWEST_DAYS.
    end:          day of the last evening.
    faults:       names out of FAULTS.
    events:       requests per day, roughly.
    check_every:  compare after so many evenings, and always after the last.
    marts:        build and compare all tables; else the incremental ones and what they read.
    keep:         leave the scratch database for inspection.
    """

    days: int
    end: date
    faults: tuple[str, ...] = FAULTS
    seed: int = 7
    accounts: int = 25
    events: int = 100
    check_every: int = 15
    marts: bool = True
    keep: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.faults) - set(FAULTS))
        if unknown:
            raise UserError(f"unknown faults {', '.join(unknown)}: choose from {', '.join(FAULTS)}")
        if self.end > yesterday():
            raise UserError(f"replay: the last evening must be over, not {self.end}")
        for name, least in (
            ("days", FEWEST_DAYS),
            ("check_every", 1),
            ("accounts", 5),
            ("events", 20),
        ):
            if getattr(self, name) < least:
                raise UserError(f"replay: {name} must be at least {least}")


def read_choices(*, faults: str, end: str | None, **others: object) -> Choices:
    """Choices from words: faults separated by commas, all or none; end as YYYY-MM-DD, or None.

    Raises UserError for a choice that cannot be.
    """
    names = [name.strip() for name in faults.split(",") if name.strip()]
    chosen = {"all": FAULTS, "none": ()}.get(faults.strip(), tuple(names))
    try:
        last = date.fromisoformat(end) if end else yesterday()
    except ValueError:
        raise UserError(f"replay: the last evening must be YYYY-MM-DD, not {end}") from None
    return Choices(faults=chosen, end=last, **others)


@dataclass
class Report:
    """Outcome of a replay.

    touched:  rows (files, evenings or runs, where there are no rows) that each fault touched.
    problems: differences and other faults found, a line each; none when all is well.
    """

    touched: Counter[str] = field(default_factory=Counter)
    comparison: Comparison | None = None
    checks: int = 0
    problems: list[str] = field(default_factory=list)


def summary(report: Report) -> list[str]:
    """Lines for a person: each fault with its rows, what was compared, and every problem."""
    found = report.comparison
    return [
        *(f"fault {fault}: {touched:,} rows" for fault, touched in sorted(report.touched.items())),
        f"last comparison: {found.tables} tables, {found.rows:,} rows, {found.cells:,} cells",
        *(f"PROBLEM {line}" for line in report.problems),
        f"{len(report.problems)} problems"
        if report.problems
        else "incremental builds and full refreshes are equal",
    ]


def replay(settings: Settings, choices: Choices, say: Say) -> Report:
    """Replay into a scratch database beside the one of the settings, which is not touched.

    Raises UserError for choices that cannot be, or when dbt fails.
    """
    with (
        _scratch_database(settings, choices.keep) as scratch,
        tempfile.TemporaryDirectory(prefix="o2r-replay-") as folder,
        DbtWorker(scratch) as dbt,
    ):
        plan = _plan(scratch, choices, Path(folder) / "company")
        run = _Replay(scratch, choices, plan, dbt, Path(folder) / "evening", say)
        for number, evening in enumerate(plan.evenings):
            run.evening(number, evening, is_last=evening is plan.evenings[-1])
        run.report.problems += [
            f"fault {fault}: touched nothing, so the replay says nothing about it"
            for fault in choices.faults
            if not run.report.touched[fault]
        ]
        return run.report


class _Replay:
    """The replay of one plan; `report` grows with it."""

    def __init__(
        self,
        settings: Settings,
        choices: Choices,
        plan: Plan,
        dbt: DbtWorker,
        folder: Path,
        say: Say,
    ) -> None:
        self.report = Report()
        self._settings = settings
        self._choices = choices
        self._plan = plan
        self._dbt = dbt
        self._folder = folder
        self._say = say
        self._kills = choices.seed
        self._seconds = 0.0
        if "empty" in choices.faults:
            self._build(SEEDS_AND_MODELS, "on an empty bronze")
            self.report.touched["empty"] += 1

    def evening(self, number: int, evening: Evening, *, is_last: bool) -> None:
        """Deliver, build and, where it is due, check."""
        when = f"evening {number + 1}, {evening.day}"
        touched = bronze.deliver(self._settings, self._plan, evening, self._folder)
        if not evening.files and "empty" in self._choices.faults:
            touched["empty"] += 1
        if evening.is_killed:
            touched["kill"] += self._kill_half_way()
        self.report.touched.update(touched)
        is_check = is_last or (number + 1) % self._choices.check_every == 0
        command = ["run", *WITHOUT_VIEWS] if number and not is_check else SEEDS_AND_MODELS
        self._build(command, when, everything=is_check)
        if evening.is_built_twice or is_last:
            self._build_again(when, everything=is_check)
        faults = ", ".join(f"{fault} {rows}" for fault, rows in sorted(touched.items()))
        self._say(f"{when}: {len(evening.files)} files, built in {self._seconds:.0f} s; {faults}")
        if is_check:
            self._check(when)

    def _models(self, everything: bool) -> list[str]:
        """Tables that are built anew by each run carry nothing on: evenings may leave them out."""
        return [] if everything and self._choices.marts else INCREMENTAL_MODELS

    def _build(self, command: list[str], when: str, *, everything: bool = False) -> None:
        started = time.monotonic()
        command = ["--quiet", *command, *self._models(everything)]
        if not self._dbt.run(command, INCREMENTAL, keep=True):
            raise UserError(f"dbt failed ({when}): what failed is printed above")
        self._seconds = time.monotonic() - started

    def _kill_half_way(self) -> bool:
        """Kill a run while it waits to write to an incremental table, another one each time.

        Returns False if it never did.
        """
        tables = [table for table in self._tables(INCREMENTAL) if table.is_incremental]
        table = tables[self._kills % len(tables)]
        self._kills += 1
        connection = connect(self._settings)
        try:
            with connection.cursor() as cursor:
                # keeps writers out, not readers; gone with the connection
                cursor.execute(sql.SQL("lock table {} in share mode").format(table.identifier))
                return self._dbt.kill(
                    ["--quiet", "run", *WITHOUT_VIEWS, *INCREMENTAL_MODELS],
                    lambda: _is_waited_for(cursor, table),
                )
        finally:
            connection.close()

    def _build_again(self, when: str, *, everything: bool) -> None:
        """Build without anything new: no table may change, no incremental row be written."""
        tables = [
            table
            for table in self._tables(INCREMENTAL)
            if table.is_incremental or (everything and self._choices.marts)
        ]
        before = self._fingerprints(tables)
        self._build(["run", *WITHOUT_VIEWS], when, everything=everything)
        after = self._fingerprints(tables)
        self.report.problems += [
            f"{when}: {name}: a run with nothing new "
            f"{'wrote to it' if table.is_incremental else 'changed it'}"
            for table in tables
            if before[name := table.name] != after[name]
        ]

    def _fingerprints(self, tables: list[Table]) -> dict[str, str | None]:
        connection = connect(self._settings, read_only=True)
        try:
            with connection.cursor() as cursor:
                return fingerprints(cursor, tables)
        finally:
            connection.close()

    def _check(self, when: str) -> None:
        command = [*SEEDS_AND_MODELS, "--full-refresh", *self._models(True)]
        if not self._dbt.run(["--quiet", *command], FULL):
            raise UserError(f"dbt failed (full refresh, {when}): what failed is printed above")
        self.report.comparison = compare_targets(self._settings, marts=self._choices.marts)
        self.report.checks += 1
        found = self.report.comparison
        self.report.problems += [f"{when}: {line}" for line in found.differences]
        self._say(
            f"{when}: {found.tables} tables, {found.rows:,} rows, {found.cells:,} cells "
            f"compared with a full refresh, {len(found.differences)} differences"
        )

    def _tables(self, target: str) -> list[Table]:
        return tables_of(self._settings, target, marts=self._choices.marts)


def _is_waited_for(cursor: Cursor, table: Table) -> bool:
    """Whether a session waits for a lock of a table."""
    cursor.execute(
        "select exists (select 1 from pg_locks where not granted and relation = %s::regclass)",
        (f"{table.schema}.{table.name}",),
    )
    return cursor.fetchone()[0]


def tables_of(settings: Settings, target: str, *, marts: bool = True) -> list[Table]:
    """The tables that dbt builds for a target; without marts, the incremental ones."""
    path = work_dir(settings, target) / "target" / "manifest.json"
    tables = built_tables(json.loads(path.read_text("utf-8")))
    return [table for table in tables if marts or table.is_incremental]


def compare_targets(settings: Settings, *, marts: bool = True) -> Comparison:
    """Compare what the evenings have built with the full refresh."""
    connection = connect(settings, read_only=True)
    try:
        with connection.cursor() as cursor:
            return compare(
                cursor,
                tables_of(settings, INCREMENTAL, marts=marts),
                tables_of(settings, FULL, marts=marts),
            )
    finally:
        connection.close()


def _plan(settings: Settings, choices: Choices, folder: Path) -> Plan:
    """Simulate a company, and plan its deliveries."""
    weeks = -(-(choices.days + HISTORY_DAYS) // 7)
    try:
        config = SimulationConfig(
            end_date=choices.end,
            accounts=choices.accounts,
            weeks=weeks,
            events=7 * weeks * choices.events,
            seed=choices.seed,
        )
    except ValueError as error:
        raise UserError(f"cannot simulate: {error}") from None
    generate(config, folder)
    tables = {path.stem: pq.read_table(path) for path in sorted(folder.glob("*.parquet"))}
    first_day = choices.end - timedelta(days=choices.days - 1)
    plan = cut(tables, load_contracts(settings.dbt_dir), first_day, choices.days)
    mix_in(plan, choices.faults, choices.seed)
    return plan


@contextmanager
def _scratch_database(settings: Settings, keep: bool) -> Iterator[Settings]:
    """A fresh database of the replay's own, dropped in the end unless it is kept.

    Raises UserError when its name is taken by a database that no replay made.
    """
    scratch = settings.model_copy(update={"database": f"{settings.database}_replay"})
    _drop(scratch)
    setup(scratch)
    _execute(scratch, "comment on database {} is {}")
    try:
        yield scratch
    finally:
        if not keep:
            _drop(scratch)


def _drop(scratch: Settings) -> None:
    """Drop the scratch database if there is one, killed runs of it included."""
    connection = connect(scratch, database="postgres", autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select shobj_description(oid, 'pg_database') from pg_database where datname = %s",
                (scratch.database,),
            )
            found = cursor.fetchone()
            if found and found[0] != MARK:
                raise UserError(
                    f"database {scratch.database} was not made by a replay: rename it, or set "
                    "POSTGRES_DB to another name"
                )
    finally:
        connection.close()
    if found:
        _execute(scratch, "drop database {} with (force)")


def _execute(scratch: Settings, statement: str) -> None:
    """Run a statement about the scratch database."""
    connection = connect(scratch, database="postgres", autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL(statement).format(sql.Identifier(scratch.database), sql.Literal(MARK))
            )
    except errors.InsufficientPrivilege as error:
        raise UserError(f"database {scratch.database}: {error.diag.message_primary}") from None
    finally:
        connection.close()
