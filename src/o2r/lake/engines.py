"""The engines that build silver and gold from the lake: what dbt cannot do with them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from o2r.contracts import SCHEMA
from o2r.errors import UserError
from o2r.lake.export import Lake, lake_of
from o2r.settings import Settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

HANDED = "handed"
"""Schema of what PostgreSQL makes and the models read, such as resolved identities."""
DRIVERS = {"duckdb": "dbt.adapters.duckdb", "spark": "pyhive"}
"""What must be installed for an engine: dbt-spark alone does not reach a server."""


class Engine(Protocol):
    """One engine. `name` is its dbt target, too."""

    name: str

    def variables(self) -> dict[str, str]:
        """Variables of dbt's environment, by which the profile finds the engine."""

    def open_bronze(self, lake: Lake, tables: Sequence[str]) -> None:
        """Let the models read the exported tables as bronze, in place of those before."""

    def put(self, table: str, rows: pa.Table) -> None:
        """Create or replace a table of the schema HANDED."""

    def read(self, schema: str, table: str) -> Iterator[pa.RecordBatch]:
        """The rows of a table; the first batch comes always, for its schema."""


@dataclass(frozen=True)
class DuckDB:
    """DuckDB in one file of O2R_HOME, which each build makes anew."""

    path: Path
    name: str = "duckdb"

    def variables(self) -> dict[str, str]:
        """See Engine."""
        return {"O2R_DUCKDB": str(self.path)}

    def open_bronze(self, lake: Lake, tables: Sequence[str]) -> None:
        """See Engine. Raises UserError for a lake that is no folder."""
        if "://" in lake.url:
            raise UserError(f"engine duckdb reads a folder, not {lake.url}: unset O2R_LAKE")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self.path.with_name(f"{self.path.name}.wal").unlink(missing_ok=True)
        with self._connected() as connection:
            connection.execute(f"create schema {SCHEMA}; create schema {HANDED}")
            for table in tables:
                files = f"{lake.url}/{table}/day=*/*.parquet".replace("'", "''")
                connection.execute(
                    f"create view {SCHEMA}.{table} as "
                    f"select * from read_parquet('{files}', hive_partitioning = false)"
                )

    def put(self, table: str, rows: pa.Table) -> None:
        """See Engine."""
        with self._connected() as connection:
            connection.register("rows_of_table", rows)
            connection.execute(
                f"create or replace table {HANDED}.{table} as select * from rows_of_table"
            )

    def read(self, schema: str, table: str) -> Iterator[pa.RecordBatch]:
        """See Engine. A sum of whole numbers is a HUGEINT there, which Arrow does not have."""
        with self._connected() as connection:
            described = connection.execute(f"describe {schema}.{table}").fetchall()
            whole = 'cast("{0}" as decimal(38, 0)) as "{0}"'
            columns = ", ".join(
                (whole if kind == "HUGEINT" else '"{0}"').format(name)
                for name, kind, *_ in described
            )
            rows = connection.sql(f"select {columns} from {schema}.{table}").to_arrow_reader()
            yield pa.RecordBatch.from_pylist([], schema=rows.schema)
            yield from rows

    @contextmanager
    def _connected(self) -> Iterator[DuckDBPyConnection]:
        import duckdb

        try:
            with duckdb.connect(str(self.path)) as connection:
                yield connection
        except duckdb.Error as error:
            raise UserError(f"engine duckdb: {' '.join(str(error).split())}") from None


@dataclass(frozen=True)
class Spark:
    """A Spark cluster by its Thrift server (SPARK_HOST, SPARK_PORT).

    Its workers, its driver and this process reach the lake and the cluster's tables by the same
    paths: folders of one machine or of a shared disk, or URLs.
    """

    lake: Lake
    name: str = "spark"

    def variables(self) -> dict[str, str]:
        """See Engine."""
        return {}

    def open_bronze(self, lake: Lake, tables: Sequence[str]) -> None:
        """See Engine."""
        with self._connected() as cursor:
            for schema in (SCHEMA, HANDED):
                cursor.execute(f"create schema if not exists {schema}")
            for table in tables:
                cursor.execute(
                    f"create or replace view {SCHEMA}.{table} as "
                    f"select * from parquet.`{lake.url}/{table}`"
                )

    def put(self, table: str, rows: pa.Table) -> None:
        """See Engine."""
        files, place = self.lake.files, f"_{HANDED}/{table}"
        files.create_dir(place)
        pq.write_table(rows, f"{place}/part-0.parquet", filesystem=files)
        with self._connected() as cursor:
            cursor.execute(
                f"create or replace view {HANDED}.{table} as "
                f"select * from parquet.`{self.lake.url}/{place}/part-0.parquet`"
            )

    def read(self, schema: str, table: str) -> Iterator[pa.RecordBatch]:
        """See Engine. The files of a table are read where the cluster says they lie."""
        with self._connected() as cursor:
            cursor.execute(f"describe extended {schema}.{table}")
            rows = cursor.fetchall()
        [place] = [value for name, value, _ in rows if name == "Location"]
        found = ds.dataset(place.removeprefix("file:").replace("s3a://", "s3://"), format="parquet")
        yield pa.RecordBatch.from_pylist([], schema=found.schema)
        yield from found.to_batches()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        from pyhive import hive
        from thrift.transport.TTransport import TTransportException

        host = os.environ.get("SPARK_HOST", "localhost")
        port = int(os.environ.get("SPARK_PORT", "10000"))
        try:
            with closing(hive.connect(host, port)) as connection:
                yield connection.cursor()
        except TTransportException as error:
            raise UserError(
                f"no Spark at {host}:{port} ({error}): run `make cluster`, or set SPARK_HOST and "
                "SPARK_PORT"
            ) from None
        except hive.Error as error:
            raise UserError(f"engine spark: {' '.join(str(error).split())[:500]}") from None


def engine_of(settings: Settings, name: str) -> Engine:
    """The engine of this name. Raises UserError for one that is unknown or not installed."""
    engines: dict[str, Any] = {
        "duckdb": lambda: DuckDB(settings.home / "dbt" / f"{settings.database}.duckdb"),
        "spark": lambda: Spark(lake_of(settings)),
    }
    if name not in engines:
        raise UserError(f"unknown engine '{name}': choose from postgres, {', '.join(engines)}")
    if find_spec(DRIVERS[name]) is None:
        raise UserError(
            f"engine {name} is not installed: run `uv sync --inexact --group {name}` first"
        )
    return engines[name]()
