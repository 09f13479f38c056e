"""Contracts of the bronze tables, read from dbt's own `sources.yml` files."""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import yaml

SCHEMA = "raw_bronze"
BOOKKEEPING = {
    "loaded_at": "Instant at which the row came into the warehouse.",
    "batch_id": "Batch in ops.load_batches; null where another tool loaded the row.",
    "source_file": "File the row came from; null where another tool loaded it.",
}


@dataclass(frozen=True)
class Column:
    """One column of a contract; `aliases` are other names a source may give it."""

    name: str
    data_type: str
    description: str
    required: bool
    aliases: tuple[str, ...]
    pii: str | None


@dataclass(frozen=True)
class Contract:
    """One bronze table. `checks` are SQL booleans; a row is bad where one is false.

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
    """Return the contracts by table name. Raises ValueError for a table described twice."""
    contracts: dict[str, Contract] = {}
    for path in sorted(dbt_dir.glob("models/staging/*/_sources.yml")):
        for contract in _read(path, path.stat().st_mtime_ns):
            if contract.table in contracts:
                raise ValueError(f"{path}: table {contract.table} is described twice")
            contracts[contract.table] = contract
    return contracts


@lru_cache(maxsize=64)
def _read(path: Path, _modified: int) -> tuple[Contract, ...]:
    document = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return tuple(
        _contract(source["name"], table)
        for source in document["sources"]
        for table in source["tables"]
    )


def _contract(source: str, table: dict) -> Contract:
    meta = table["config"]["meta"]
    return Contract(
        source=source,
        table=table["name"],
        description=table["description"],
        columns=tuple(_column(column) for column in table["columns"]),
        business_key=tuple(meta["business_key"]),
        checks=tuple(meta.get("checks", ())),
        partition_column=meta.get("partition_by_month"),
        event_column=meta.get("event_column"),
        late_after=_age(table, "warn_after"),
        stale_after=_age(table, "error_after"),
    )


def _age(table: dict, limit: str) -> timedelta | None:
    """A limit of dbt's freshness, such as {count: 2, period: day}."""
    found = (table["config"].get("freshness") or {}).get(limit)
    return timedelta(**{f"{found['period']}s": found["count"]}) if found else None


def _column(column: dict) -> Column:
    meta = column.get("config", {}).get("meta", {})
    return Column(
        name=column["name"],
        data_type=column["data_type"],
        description=column["description"],
        required=meta.get("required", False),
        aliases=tuple(meta.get("aliases", ())),
        pii=meta.get("pii"),
    )
