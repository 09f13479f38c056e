"""A built warehouse as it would be without some sources, made anew in one transaction and undone.

What hangs on a bronze table is made again from the SQL that dbt compiled, in dbt's order, and no
further than it changes: seconds where a build takes a minute.
"""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor

from o2r.settings import Settings
from o2r.warehouse import connect

GOLD = "mart_gold"
WAS = "__was"
"""What follows the name of a table as it was, while the new one bears the name."""


class Mart(NamedTuple):
    """A table of gold that came out otherwise; key: columns that tell its rows apart."""

    name: str
    key: tuple[str, ...]

    def columns(self, cursor: Cursor) -> dict[str, str]:
        """Types of the columns that are not of the key, by name."""
        cursor.execute(
            "select attname, format_type(atttypid, null) from pg_attribute "
            "where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
            [f"{GOLD}.{self.name}"],
        )
        return {name: kind for name, kind in cursor.fetchall() if name not in self.key}

    def beside(self) -> str:
        """FROM clause: rows now as now, the same rows as they were as was, null where new."""
        alike = " and ".join(f"now.{name} = was.{name}" for name in self.key)
        return f"{GOLD}.{self.name} as now left join {GOLD}.{self.name}{WAS} as was on {alike}"


class Built:
    """What a complete first build of a database has left: SQL, order and keys of its tables."""

    def __init__(self, settings: Settings) -> None:
        target = settings.home / "dbt" / f"{settings.database}_prod" / "target"
        manifest = json.loads((target / "manifest.json").read_text("utf-8"))
        self.sources = {key: one["name"] for key, one in manifest["sources"].items()}
        self._compiled = target / "compiled" / "o2r"
        self._database = settings.database
        self._models = {
            key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"
        }
        self._keys = {}
        for test in manifest["nodes"].values():
            claims = (test.get("test_metadata") or {"kwargs": {}})["kwargs"]
            if columns := claims.get("key") or claims.get("unique"):
                self._keys[test["attached_node"]] = tuple(columns)
        self._order = list(self._sorted())

    def _sorted(self) -> Iterator[str]:
        waiting = dict(self._models)
        while waiting:
            ready = [
                key
                for key, node in waiting.items()
                if not waiting.keys() & set(node["depends_on"]["nodes"])
            ]
            for key in sorted(ready):
                del waiting[key]
                yield key

    def again(self, cursor: Cursor, changed: set[str], *, far: bool = False) -> list[Mart]:
        """Make again what hangs on these sources; the marts that came out otherwise.

        far: also what hangs on nothing but tables that came out the same.
        """
        found, reached = [], {key for key, name in self.sources.items() if name in changed}
        for key in self._order:
            node = self._models[key]
            if not reached & set(node["depends_on"]["nodes"]):
                continue
            is_view = node["config"]["materialized"] in ("view", "ephemeral")
            is_other = not is_view and self._differs(cursor, node)
            if is_view or is_other or far:
                reached.add(key)
            if is_other and node["schema"] == GOLD:
                found.append(Mart(node["alias"], self._keys[key]))
        return found

    def _differs(self, cursor: Cursor, node: dict[str, Any]) -> bool:
        table = f"{node['schema']}.{node['alias']}"
        was = f"{table}{WAS}"
        sql = Path(self._compiled, node["original_file_path"]).read_text("utf-8")
        cursor.execute("select current_database()")
        sql = sql.replace(f'"{self._database}".', f'"{cursor.fetchone()[0]}".')
        cursor.execute(
            "set local enable_nestloop = off; set local enable_mergejoin = off;"
            f"alter table {table} rename to {node['alias']}{WAS};"
            f"create table {table} (like {was} including indexes)"
        )
        cursor.execute(
            "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute "
            f"where attrelid = '{was}'::regclass and attnum > 0 and not attisdropped"
        )
        [columns] = cursor.fetchone()
        cursor.execute(f"insert into {table} select {columns} from ({sql}) as made")
        cursor.execute(f"analyze {table}")
        cursor.execute(
            f"select exists((table {table} except all table {was}) "
            f"union all (table {was} except all table {table}))"
        )
        return cursor.fetchone()[0]


@contextmanager
def without(
    settings: Settings, built: Built, tables: set[str]
) -> Iterator[tuple[Cursor, list[Mart]]]:
    """The warehouse without the rows of some bronze tables, and the marts that differ then."""
    with closing(connect(settings)) as connection, connection.cursor() as cursor:
        for table in sorted(tables):
            cursor.execute(f"delete from raw_bronze.{table}; analyze raw_bronze.{table}")
        yield cursor, built.again(cursor, tables)
        connection.rollback()
