"""Models of a copy built anew from the SQL that dbt compiled for the original: no parsing."""

from collections.abc import Iterable

from tests.metrics.warehouse import clone, execute, frame

from o2r.settings import Settings

SCHEMAS = {"marts": "mart_gold", "intermediate": "intermediate_silver"}


class Copy:
    """A copy of a warehouse that was built in full for target prod."""

    def __init__(self, original: Settings, name: str):
        self.settings = clone(original, name)
        folder = original.home / "dbt" / f"{original.database}_prod" / "target" / "compiled"
        files = folder.glob("o2r/models/**/*.sql")
        self._files = {path.stem: path for path in files if ".yml/" not in path.as_posix()}
        self._names = f'"{original.database}".', f'"{name}".'

    def rebuild(self, models: Iterable[str]) -> None:
        """Fill each model anew, in this order, from what is in the copy now."""
        for model in models:
            path = self._files[model]
            folder = next(part for part in path.parts if part in SCHEMAS)
            table = f"{SCHEMAS[folder]}.{model}"
            self._fill(table, path.read_text().replace(*self._names))

    def _fill(self, table: str, select: str) -> None:
        columns = ", ".join(frame(self.settings, f"select * from {table} limit 0").columns)
        execute(
            self.settings,
            f"create temp table fresh on commit drop as {select}; truncate {table}; "
            f"insert into {table} ({columns}) select {columns} from fresh",
        )

    def shuffle(self, tables: Iterable[str]) -> None:
        """Put the rows of tables of bronze in another order."""
        for table in tables:
            execute(
                self.settings,
                f"select setseed(0.5); create temp table shuffled on commit drop as "
                f"select * from raw_bronze.{table} order by random(); "
                f"delete from raw_bronze.{table}; "
                f"insert into raw_bronze.{table} select * from shuffled",
            )
