"""Contracts of the bronze tables, read from dbt's own `sources.yml` files."""

import csv
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from o2r.errors import UserError
from o2r.yaml_files import read_yaml

SCHEMA = "raw_bronze"
NORMAL_FORMS = {
    "raw": "{}",
    "trim": "trim({})",
    "lower": "lower(trim({}))",
    "upper": "upper(trim({}))",
    "initcap": "initcap(trim({}))",
}
"""What staging makes of a text before it compares it, by the word that a contract has for it."""
TYPES = ("text", "boolean", "integer", "bigint", "date", "timestamp", "timestamptz")
DECIMAL = re.compile(r"numeric\((\d+),(\d+)\)")
"""With TYPES, the types that a column may have: numeric(18,6) has 18 digits, 6 of them decimals."""


@dataclass(frozen=True)
class Bounds:
    """What a column may hold. None where nothing is bounded.

    min, max:         of a number, both included; min of a day or an instant, ISO 8601, UTC.
    days_after_load:  how long after its load a day or an instant may lie.
    bytes:            length of a text in UTF-8.
    """

    min: int | str | None = None
    max: int | None = None
    days_after_load: int | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class Column:
    """One column of a contract; `aliases` are other names a source may give it.

    required:    never null, as every column of the key and the one that months are cut by.
    default:     SQL of its value where none is given; None for all that a source delivers.
    normal_form: of NORMAL_FORMS; values equal in it are one value to every model.
    words:       all that it may hold, in its normal form; none where it may hold anything.
    known_from:  file of the seed, and its column, that list the values; others load, and are told.
    """

    name: str
    data_type: str
    description: str
    required: bool = False
    default: str | None = None
    aliases: tuple[str, ...] = ()
    pii: str | None = None
    normal_form: str = "raw"
    words: tuple[str, ...] = ()
    known_from: tuple[Path, str] | None = None
    bounds: Bounds = Bounds()

    def normal(self, value: str) -> str:
        """SQL of a value of this column, itself SQL, as models compare it."""
        return NORMAL_FORMS[self.normal_form].format(value)

    def known(self) -> list[str] | None:
        """Values that the seed of known_from lists, sorted; None where there is no such seed."""
        if self.known_from is None or not self.known_from[0].is_file():
            return None
        path, name = self.known_from
        with path.open(encoding="utf-8", newline="") as lines:
            return sorted({row[name] for row in csv.DictReader(lines)})


BOOKKEEPING = (
    Column(
        "loaded_at",
        "timestamptz",
        "Instant at which the row came into the warehouse.",
        required=True,
        default="now()",
    ),
    Column(
        "batch_id", "bigint", "Batch in ops.load_batches; null where another tool loaded the row."
    ),
    Column("source_file", "text", "File the row came from; null where another tool loaded it."),
)
"""What every bronze table has besides the columns of its contract."""


@dataclass(frozen=True)
class Contract:
    """One bronze table. `checks` are SQL booleans; a row is bad where one is false.

    needed_by: metrics that have no value without it, of a table that is no feed (seeds/feeds.csv).
    rows: `whole` where every row says all that it knows, `change` where a blank means unchanged.
    late_after and stale_after are dbt's warn_after and error_after: the age of the newest row from
    which the source is late or stale; None where nothing depends on it.
    """

    source: str
    table: str
    description: str
    columns: tuple[Column, ...]
    business_key: tuple[str, ...]
    checks: tuple[str, ...]
    partition_column: str | None
    event_column: str | None = None
    late_after: timedelta | None = None
    stale_after: timedelta | None = None
    rows: str | None = None
    needed_by: tuple[str, ...] = ()

    @property
    def event_day(self) -> str | None:
        """SQL of the day (UTC) a row speaks of; None where no incremental model reads the table."""
        if self.event_column is None:
            return None
        types = {column.name: column.data_type for column in self.columns}
        if types[self.event_column] == "date":
            return self.event_column
        return f"cast(timezone('UTC', {self.event_column}) as date)"

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Business key and loaded_at, plus the partition column, which must be part of it."""
        extra = (self.partition_column,) if self.partition_column else ()
        return tuple(dict.fromkeys((*self.business_key, "loaded_at", *extra)))


def load_contracts(dbt_dir: Path) -> dict[str, Contract]:
    """Return the contracts by table name.

    Raises UserError for a table described twice, or without what a contract cannot do without.
    """
    contracts: dict[str, Contract] = {}
    project = dbt_dir / "dbt_project.yml"
    for path in sorted(dbt_dir.glob("models/staging/*/_sources.yml")):
        changed = (path.stat().st_mtime_ns, project.stat().st_mtime_ns)
        for contract in _read(path, project, changed):
            if contract.table in contracts:
                raise UserError(f"{path}: table {contract.table} is described twice")
            contracts[contract.table] = contract
    return contracts


@lru_cache(maxsize=64)
def _read(path: Path, project: Path, _changed: tuple[int, int]) -> tuple[Contract, ...]:
    bounds = read_yaml(project)["vars"]["bounds"]
    try:
        return tuple(
            _contract(source["name"], table, bounds, project.parent / "seeds")
            for source in read_yaml(path)["sources"]
            for table in source["tables"]
        )
    except KeyError as error:
        raise UserError(
            f"{path}: {error} is missing; `python -m o2r.lint.yaml_keys` says where"
        ) from None


def _contract(source: str, table: dict, bounds: dict[str, dict], seeds: Path) -> Contract:
    meta = table["config"]["meta"]
    return Contract(
        source=source,
        table=table["name"],
        description=table["description"],
        columns=tuple(_column(column, meta, bounds, seeds) for column in table["columns"]),
        business_key=tuple(meta["business_key"]),
        checks=tuple(meta.get("checks", ())),
        partition_column=meta.get("partition_by_month"),
        event_column=meta.get("event_column"),
        late_after=_age(table, "warn_after"),
        stale_after=_age(table, "error_after"),
        rows=meta.get("rows"),
        needed_by=tuple(meta.get("needed_by", ())),
    )


def _age(table: dict, limit: str) -> timedelta | None:
    """A limit of dbt's freshness, such as {count: 2, period: day}."""
    found = (table["config"].get("freshness") or {}).get(limit)
    return timedelta(**{f"{found['period']}s": found["count"]}) if found else None


def _column(column: dict, of_table: dict, bounds: dict[str, dict], seeds: Path) -> Column:
    meta = column.get("config", {}).get("meta", {})
    name, data_type, key = column["name"], column["data_type"], of_table["business_key"]
    kind = data_type.split("(")[0].replace("timestamptz", "date").replace("timestamp", "date")
    if kind == "text" and (name in key or name.endswith("_id")):
        kind = "identifier"
    seed, _, listed = meta.get("known_from", "").partition(".")
    return Column(
        name=name,
        data_type=data_type,
        description=column["description"],
        required=meta.get("required", False) or name in (*key, of_table.get("partition_by_month")),
        aliases=tuple(meta.get("aliases", ())),
        pii=meta.get("pii"),
        normal_form=meta.get("normal_form", "raw"),
        words=tuple(meta.get("words", ())),
        known_from=(seeds / f"{seed}.csv", listed) if seed else None,
        bounds=Bounds(**(bounds.get(kind, {}) | meta.get("bounds", {}))),
    )
