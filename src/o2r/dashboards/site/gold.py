"""What the site reads: one snapshot of the gold of a target, every value as exact text."""

from __future__ import annotations

import math
import re
from contextlib import ExitStack, closing
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

import psycopg2
from psycopg2.errors import InvalidSchemaName, UndefinedTable

from o2r.builds.manifests import FILE, load
from o2r.builds.run import SHADOW, check_target, target_lock, work_dir
from o2r.dashboards.definitions import Card, Filter
from o2r.dashboards.lineage import Lineage, needs, never_delivered
from o2r.dashboards.metrics import CURRENCY, TARGETS
from o2r.dashboards.queries import all_rows, resolved
from o2r.dashboards.readiness import Readiness, readiness
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse import connect

NUMBERS = {20, 21, 23, 700, 701, 1700}
"""Type codes of PostgreSQL: bigint, smallint, integer, real, double precision, numeric."""
DATES = {1082, 1114, 1184}
"""date, timestamp, timestamptz."""

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

Value = str | None


class Rows(NamedTuple):
    """Result of a query: kind of each column (number, date or text), and rows of exact text."""

    kinds: dict[str, str]
    rows: list[tuple[Value, ...]]


class Gold:
    """The gold schema of a target as it is at one moment.

    A context: it waits for a build of the target that is running, and builds wait for it. Tables
    that were exchanged meanwhile would look empty, or be of another build than the others.
    """

    def __init__(self, settings: Settings, target: str) -> None:
        """Raises UserError for an unknown target, or one that was never built."""
        check_target(target)
        self.target = target
        self.database = settings.database
        self.schema = _schema(settings, target)
        self._settings = settings
        self._open = ExitStack()

    def __enter__(self) -> Gold:
        self._open.enter_context(target_lock(self._settings, self.target))
        self._connection = self._open.enter_context(
            closing(connect(self._settings, read_only=True))
        )
        self._connection.set_session(isolation_level="REPEATABLE READ")
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def resolve(self, model: str) -> str:
        """Relation of a model of gold."""
        return f"{self.schema}.{model}"

    def query(self, sql: str, what: str, parameters: object = None) -> Rows:
        """Run SQL with {{ ref('name') }} in it; what: words for an error message.

        Raises UserError when gold is not built, or with PostgreSQL's own message.
        """
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(resolved(sql, self.resolve), parameters)
                kinds = {column.name: _kind(column.type_code) for column in cursor.description}
                return Rows(kinds, [tuple(map(exact_text, row)) for row in cursor.fetchall()])
        except (UndefinedTable, InvalidSchemaName) as error:
            raise UserError(
                f"{what}: {error.diag.message_primary}: gold of target {self.target} is not built "
                f"in database {self.database}, run `o2r build --target {self.target}`"
            ) from None
        except psycopg2.Error as error:
            raise UserError(f"{what}: {error.diag.message_primary or error}") from None

    def card(self, card: Card, where: str) -> Rows:
        """All rows of a card in its order, before filters and limit; only columns that are used."""
        found = self.query(all_rows(card, self.resolve), f"{where}, {card.name}")
        drill = card.drill.filters.values() if card.drill else ()
        used = {*card.columns, *card.filters.values(), *drill}
        if missing := used - set(found.kinds):
            raise UserError(f"{where}, {card.name}: its SQL gives no column {sorted(missing)[0]}")
        places = [place for place, name in enumerate(found.kinds) if name in used]
        kinds = {name: kind for name, kind in found.kinds.items() if name in used}
        return Rows(kinds, [tuple(row[place] for place in places) for row in found.rows])

    def members(self, name: str, one: Filter) -> list[str]:
        """What a reader can choose in a filter: the default first, days from new to old."""
        found = self.query(one.values, f"values of the filter {name}")
        if len(found.kinds) != 1:
            raise UserError(f"values of the filter {name}: one column, not {len(found.kinds)}")
        members = {row[0] for row in found.rows if row[0] is not None} - {one.default}
        are_days = all(DAY.match(member) for member in members)
        first = [one.default] if one.default else []
        return first + sorted(members, reverse=are_days)

    def empty_because(self, card: Card) -> str:
        """What a card without rows says: the sources that were never delivered, if there are."""
        return needs(self._lineage.lacks(card, self._never_delivered)) or card.empty

    def metric_needs(self, metric: str) -> str | None:
        """The sources of a metric that were never delivered, in words; None where all were."""
        lineage = self._lineage
        never = self._never_delivered
        return needs(lineage.needed[metric] & never or lineage.metrics[metric] & never)

    def is_blank(self, card: Card, found: Rows) -> bool:
        """Whether a card has nothing to show: no row, or no value as a source is missing."""
        if card.display == "table" or not found.rows:
            return not found.rows
        places = [list(found.kinds).index(name) for name in card.y]
        if any(row[place] is not None for row in found.rows for place in places):
            return False
        return bool(self._lineage.lacks(card, self._never_delivered))

    @cached_property
    def _lineage(self) -> Lineage:
        return Lineage(self._settings.dbt_dir)

    @cached_property
    def _never_delivered(self) -> frozenset[str]:
        """Tables of bronze without a row."""
        found = self.query(never_delivered(self._settings.dbt_dir), "sources never delivered")
        return frozenset(name for (name,) in found.rows)

    @cached_property
    def targets(self) -> dict[str, float]:
        """Targets that the company states, by metric."""
        found = self.query(TARGETS, "targets of metrics")
        return {metric: float(target) for metric, target in found.rows}

    @cached_property
    def currency(self) -> str | None:
        """The reporting currency that gold was built in."""
        [(found,)] = self.query(CURRENCY, "currency of gold").rows
        return found

    def as_of(self) -> str:
        """The last day that is counted, YYYY-MM-DD. Raises UserError when nothing was observed."""
        sql = "select max(date_day) from {{ ref('dim_date') }} where is_observed"
        [(day,)] = self.query(sql, "as-of day").rows
        if day is None:
            raise UserError(f"gold of target {self.target} holds no data yet: load, then build")
        return day

    def readiness(self) -> Readiness:
        """What has been delivered, what was kept out, what each metric lacks."""
        return readiness(
            lambda sql: self.query(sql, "readiness").rows, self._settings.dbt_dir, self.resolve
        )

    def lagging(self) -> list[str]:
        """What is said of each feed that is behind, the furthest first."""
        sql = (
            "select reason from {{ ref('feed_status') }} where status = 'behind' "
            "order by days_behind desc, bronze_table"
        )
        return [reason or "" for (reason,) in self.query(sql, "feeds that are behind").rows]

    def built_at(self) -> str | None:
        """When the newest build or publish of the target succeeded (UTC), if that was noted."""
        moment = self.newest_build()[1]
        return moment and moment[:16].replace("T", " ")

    def newest_build(self) -> tuple[Value, Value]:
        """Number of the newest build or publish that succeeded, and when (UTC), if noted."""
        sql = (
            "select max(build_id), max(finished_at at time zone 'UTC') from ops.builds "
            "where target = %s and outcome = 'succeeded'"
        )
        [found] = self.query(sql, "time of the build", [self.target]).rows
        return found


def exact_text(value: Any) -> Value:
    """A value of the database as text: numbers without exponent, days and times as ISO 8601.

    What is no number (NaN, infinity) is no value either.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            return None
        text = f"{Decimal(repr(value)) if isinstance(value, float) else value:f}"
        text = re.sub(r"\.?0+$", "", text) if "." in text else text
        return "0" if text == "-0" else text
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _kind(type_code: int) -> str:
    return "number" if type_code in NUMBERS else "date" if type_code in DATES else "text"


def _schema(settings: Settings, target: str) -> str:
    """Schema of gold, as dbt's last run on the target named it."""
    if target == "prod":
        return "mart_gold"
    for name in (target, target + SHADOW):
        path = work_dir(settings, name) / "target" / FILE
        if path.is_file():
            schemas = {
                node["schema"].removesuffix(SHADOW)
                for node in load(path)["nodes"].values()
                if node["resource_type"] == "model" and node["fqn"][1] == "marts"
            }
            if len(schemas) == 1:
                return schemas.pop()
    raise UserError(f"target {target} was not built from here: run `o2r build --target {target}`")
