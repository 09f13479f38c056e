"""Compare the definitions with dbt's YAML, without a server: `o2r dashboards check`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from o2r.dashboards.definitions import Card, Dashboard, Definitions
from o2r.dashboards.exposures import FILE, render
from o2r.dashboards.queries import resolved, tables
from o2r.dashboards.read import FOLDER
from o2r.lint.portability import check_compiled
from o2r.yaml_files import read_yaml

Output = dict[str, exp.DataType]
"""Types of the columns that a SELECT returns."""

DIALECT = "postgres"
STORE = "metric_values"
"""The mart that holds provisional values beside final ones, and says which."""
ANSI = re.compile(r"\x1b\[\d*m")
DATES = {exp.DataType.Type.DATE, *exp.DataType.TEMPORAL_TYPES}
WANTED = {
    "date": DATES,
    **dict.fromkeys(("integer", "decimal", "currency", "percent"), exp.DataType.NUMERIC_TYPES),
}
"""Types that a column may have, by its format; any for text."""


class SqlError(ValueError):
    """SQL that cannot be read any further, and why."""


def check(definitions: Definitions, dbt_dir: Path) -> list[str]:
    """Return one line for each thing that does not fit: file, card, reason.

    It covers tables and columns of the SQL, what cards name of its result, portability, whether a
    card on the metric store tells final values from provisional ones, and whether dbt's exposures
    are those of the definitions.
    """
    gold = read_gold(dbt_dir)
    findings = [line for board in definitions.dashboards.values() for line in _board(board, gold)]
    path = dbt_dir / FILE
    if not path.is_file() or path.read_text(encoding="utf-8") != render(definitions):
        findings.append(
            f"dbt/{FILE.as_posix()}: differs from {FOLDER}/: run `o2r dashboards write`"
        )
    return findings


def read_gold(dbt_dir: Path) -> MappingSchema:
    """The columns of every mart, as their contracts say; of a versioned one, the newest version."""
    columns = {
        model["name"]: {column["name"]: column["data_type"] for column in model["columns"]}
        for path in sorted((dbt_dir / "models" / "marts").rglob("*.yml"))
        for model in read_yaml(path).get("models", ())
    }
    return MappingSchema(columns, dialect=DIALECT)


def _board(board: Dashboard, gold: MappingSchema) -> Iterator[str]:
    file = f"{FOLDER}/dashboards/{board.key}.yml"
    for name, one in board.filters.items():
        if one.values is not None:
            try:
                output = _output(one.values, gold)
            except SqlError as error:
                yield f"{file}: filter {name}: {error}"
                continue
            if len(output) != 1:
                yield f"{file}: filter {name}: its values are one column, not {len(output)}"
    for card in board.cards:
        try:
            output = _output(card.sql, gold, of_a_card=True)
        except SqlError as error:
            yield f"{file}: {card.name}: {error}"
            continue
        for reason in _card(card, board, output):
            yield f"{file}: {card.name}: {reason}"


def _card(card: Card, board: Dashboard, output: Output) -> Iterator[str]:
    used = {
        "columns": list(card.columns),
        "order": [key.removeprefix("-") for key in card.order],
        "filters": list(card.filters.values()),
        "drill": list(card.drill.filters.values()) if card.drill else [],
    }
    for key, names in used.items():
        if missing := [name for name in dict.fromkeys(names) if name not in output]:
            yield f"{key}: its SQL returns no column {', '.join(missing)}"
    for name, column in card.columns.items():
        if not _fits(output.get(name), WANTED.get(column.format)):
            yield f"columns: {name} has format {column.format}, but is {_type(output[name])}"
    for name, column in card.filters.items():
        if board.filters[name].kind != "choice" and not _fits(output.get(column), DATES):
            yield f"filters: {name} is a day, but {column} is {_type(output[column])}"


def _output(sql: str, gold: MappingSchema, *, of_a_card: bool = False) -> Output:
    """Columns that a SELECT on gold returns. Raises SqlError for the first thing amiss in it.

    of_a_card: what is read shows values, so it must know which of them are final.
    """
    if unknown := [name for name in tables(sql) if name not in gold.mapping]:
        raise SqlError(f"{unknown[0]} is not in gold (dbt/models/marts)")
    plain = resolved(sql, lambda name: name)
    if left := re.search(r"\{\{.*?\}\}|\[\[", plain):
        raise SqlError(f"{left.group()} means nothing here; filters are written by the outputs")
    if unportable := check_compiled(Path(), plain):
        raise SqlError(f"`{unportable[0].words}`: {unportable[0].instead}")
    try:
        found = parse(plain, read=DIALECT)
        if len(found) != 1 or not isinstance(found[0], exp.Query):
            raise SqlError("SQL must be one SELECT")
        query = found[0]
        if named := _named_tables(query) - set(tables(sql)):
            raise SqlError(f"write {{{{ ref('{min(named)}') }}}} for the table {min(named)}")
        if any(one.args.get(key) for one in query.find_all(exp.Query) for key in _SORTED):
            raise SqlError("no ORDER BY or LIMIT in SQL: say `order` and `limit`")
        if not all(one.output_name for one in query.selects):
            raise SqlError("give every column of the result a name")
        query = qualify(query, schema=gold, dialect=DIALECT)
        query = annotate_types(query, schema=gold, dialect=DIALECT)
        if of_a_card and not _knows_what_is_final(query):
            raise SqlError(
                f"wherever it reads {STORE} say `is_final`, or show {{{{ state }}}}: "
                "a provisional value is no result"
            )
    except SqlglotError as error:
        raise SqlError(" ".join(ANSI.sub("", str(error)).split())) from None
    names = query.named_selects
    if twice := [name for name in names if names.count(name) > 1]:
        raise SqlError(f"two columns of the result are named {twice[0]}")
    return {name: one.type for name, one in zip(names, query.selects, strict=True)}


def _knows_what_is_final(query: exp.Expression) -> bool:
    """Whether every SELECT on the metric store uses is_final of it; columns are qualified."""
    for table in query.find_all(exp.Table):
        if table.name != STORE:
            continue
        columns = table.find_ancestor(exp.Select).find_all(exp.Column)
        if ("is_final", table.alias_or_name) not in {(one.name, one.table) for one in columns}:
            return False
    return True


_SORTED = ("order", "limit", "offset")


def _named_tables(query: exp.Expression) -> set[str]:
    """Tables that SQL reads, without the names that its own WITH gives."""
    own = {cte.alias for cte in query.find_all(exp.CTE)}
    return {table.name for table in query.find_all(exp.Table)} - own


def _fits(found: exp.DataType | None, wanted: Set[Any] | None) -> bool:
    """Whether a type is one of those wanted; what cannot be told, fits."""
    known = found is not None and found.this not in (
        exp.DataType.Type.UNKNOWN,
        exp.DataType.Type.NULL,
    )
    return not known or wanted is None or found.this in wanted


def _type(found: exp.DataType) -> str:
    return found.sql(DIALECT).lower()
