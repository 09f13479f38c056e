"""Bronze tables as the contracts have them: what makes a database hold them, and what cannot be.

`plan` compares the contracts with the tables that `described` found and touches no database.
Nothing is ever dropped; columns of no contract stay, unread.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from o2r.contracts import BOOKKEEPING, DECIMAL, SCHEMA, Column, Contract

FULL_NAMES = {
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
}
"""Types that PostgreSQL writes in another way than the contracts."""
DIGITS = {"smallint": 5, "integer": 10, "bigint": 19}

TABLES = """
select c.relname, obj_description(c.oid, 'pg_class'),
    array(
        select a.attname::text
        from pg_index i, unnest(i.indkey) with ordinality as k (number, place)
        join pg_attribute a on a.attnum = k.number and a.attrelid = c.oid
        where i.indrelid = c.oid and i.indisprimary
        order by k.place
    ),
    (
        select a.attname
        from pg_partitioned_table p
        join pg_attribute a on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
        where p.partrelid = c.oid
    ),
    array(
        select i.relname::text
        from pg_index x
        join pg_class i on i.oid = x.indexrelid
        where x.indrelid = c.oid
    )
from pg_class c
where c.relnamespace = to_regnamespace(%s) and c.relkind in ('r', 'p') and not c.relispartition
"""
COLUMNS = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    col_description(c.oid, a.attnum)
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = to_regnamespace(%s) and c.relkind in ('r', 'p') and not c.relispartition
order by c.relname, a.attnum
"""


@dataclass(frozen=True)
class FoundColumn:
    """A column of a database; `data_type` as PostgreSQL writes it."""

    data_type: str
    required: bool
    description: str | None


@dataclass(frozen=True)
class FoundTable:
    """A bronze table of a database; partition_column is None where it has no partitions."""

    columns: Mapping[str, FoundColumn]
    primary_key: tuple[str, ...]
    partition_column: str | None
    indexes: frozenset[str]
    description: str | None


@dataclass(frozen=True)
class Step:
    """A statement, and the table or column that it makes or alters."""

    what: str
    statement: str


@dataclass(frozen=True)
class Plan:
    """Statements in their order, and a line for each thing that none of them can do.

    Where something is refused, no step is to be taken.
    """

    steps: tuple[Step, ...]
    refused: tuple[str, ...]


def described(cursor: Cursor) -> dict[str, FoundTable]:
    """The bronze tables of a database by name."""
    cursor.execute(COLUMNS, (SCHEMA,))
    columns: dict[str, dict[str, FoundColumn]] = {}
    for table, name, *column in cursor.fetchall():
        columns.setdefault(table, {})[name] = FoundColumn(*column)
    cursor.execute(TABLES, (SCHEMA,))
    return {
        table: FoundTable(
            columns.get(table, {}), tuple(key), partition_column, frozenset(indexes), description
        )
        for table, description, key, partition_column, indexes in cursor.fetchall()
    }


def plan(contracts: Collection[Contract], found: Mapping[str, FoundTable]) -> Plan:
    """What turns the tables found into those of the contracts; tables of no contract are left."""
    steps: list[Step] = []
    refused: list[str] = []
    for contract in contracts:
        table = found.get(contract.table)
        if table is None:
            steps += _creation(contract)
            table = FoundTable({}, (), None, frozenset(), None)
        else:
            refused += _refusals(contract, table)
            steps += _alterations(contract, table)
        steps += _indexes(contract, table)
        steps += _comments(contract, table)
    return Plan(tuple(steps), tuple(refused))


def widens(old: str, new: str) -> bool:
    """Whether every value of type `old` is one of `new`, and of the same kind."""
    if old.startswith("character varying"):
        return new == "text"
    if old in DIGITS and new in DIGITS:
        return DIGITS[old] < DIGITS[new]
    if not (wide := DECIMAL.fullmatch(new)):
        return False
    digits, decimals = map(int, wide.groups())
    if old in DIGITS:
        return DIGITS[old] <= digits - decimals
    if not (narrow := DECIMAL.fullmatch(old)):
        return False
    old_digits, old_decimals = map(int, narrow.groups())
    return old_decimals <= decimals and old_digits - old_decimals <= digits - decimals


def _creation(contract: Contract) -> Iterator[Step]:
    table = _table(contract)
    lines = [_definition(column) for column in (*contract.columns, *BOOKKEEPING)]
    lines.append(f"primary key ({_names(contract.primary_key)})")
    months = (
        contract.partition_column and f" partition by range ({_name(contract.partition_column)})"
    )
    body = ",\n    ".join(lines)
    yield Step(table, f"create table {table} (\n    {body}\n){months or ''}")
    if months:
        yield Step(table, f"create table {table}_default partition of {table} default")


def _alterations(contract: Contract, found: FoundTable) -> Iterator[Step]:
    table = _table(contract)
    for column in (*contract.columns, *BOOKKEEPING):
        what, name = f"{table}.{column.name}", _name(column.name)
        old, new = found.columns.get(column.name), _type(column)
        if old is None:
            yield Step(what, f"alter table {table} add column {_definition(column)}")
            continue
        if old.data_type != new:
            widen = ", ".join(map(_literal, (table, column.name, new)))
            yield Step(what, f"select ops.widen_column({widen})")
        if old.required != column.required:
            verb = "set" if column.required else "drop"
            yield Step(what, f"alter table {table} alter column {name} {verb} not null")


def _refusals(contract: Contract, found: FoundTable) -> Iterator[str]:
    table, wanted = _table(contract), (*contract.columns, *BOOKKEEPING)
    for column in wanted:
        old = found.columns.get(column.name)
        if old and old.data_type != _type(column) and not widens(old.data_type, _type(column)):
            yield (
                f"{table}.{column.name} is {old.data_type} and its contract says "
                f"{column.data_type}, which not every value fits: let the contract say what it is, "
                "or convert it in a script of database_scripts"
            )
    names = {column.name for column in wanted}
    # Columns that other tools keep for themselves are nobody's business, unless one may be renamed.
    for name in sorted(found.columns.keys() - names) if names - found.columns.keys() else ():
        missing = ", ".join(sorted(names - found.columns.keys()))
        yield (
            f"{table}.{name} is in no contract, and the table lacks {missing}: where that is its "
            f'new name, `o2r sql --write "alter table {table} rename column {name} to ..."`; where '
            f"it is not, add {name} to the contract, or drop it"
        )
    if found.primary_key != contract.primary_key:
        yield (
            f"{table} has the key ({', '.join(found.primary_key)}) and its contract "
            f"({', '.join(contract.primary_key)}): keep the key, or bring the rows into the new "
            "one by a script of database_scripts, such as 039_key_of_subscriptions.sql"
        )
    if found.partition_column != contract.partition_column:
        yield (
            f"{table} is cut into months by {found.partition_column or 'nothing'} and its contract "
            f"says {contract.partition_column or 'nothing'}: let partition_by_month be what it is, "
            "or give the new form another table"
        )


def _indexes(contract: Contract, found: FoundTable) -> Iterator[Step]:
    """By arrival; of rows that another tool inserted; by day where incremental models read days."""
    table = _table(contract)
    indexes = {
        "loaded_at": "using brin (loaded_at) with (autosummarize = on)",
        "foreign": "(loaded_at) where batch_id is null",
    }
    if contract.event_day:
        indexes["event_day"] = f"using brin (({contract.event_day})) with (autosummarize = on)"
    for suffix, definition in indexes.items():
        name = f"{contract.table}_{suffix}"
        if name not in found.indexes:
            yield Step(table, f"create index {_name(name)} on {table} {definition}")


def _comments(contract: Contract, found: FoundTable) -> Iterator[Step]:
    table = _table(contract)
    if found.description != contract.description:
        yield Step(table, f"comment on table {table} is {_literal(contract.description)}")
    for column in (*contract.columns, *BOOKKEEPING):
        old = found.columns.get(column.name)
        if old is None or old.description != column.description:
            name, text = _name(column.name), _literal(column.description)
            yield Step(table, f"comment on column {table}.{name} is {text}")


def _definition(column: Column) -> str:
    default = f" default {column.default}" if column.default else ""
    return f"{_name(column.name)} {_type(column)}{' not null' if column.required else ''}{default}"


def _type(column: Column) -> str:
    return FULL_NAMES.get(column.data_type, column.data_type)


def _table(contract: Contract) -> str:
    return f"{SCHEMA}.{contract.table}"


def _names(names: Collection[str]) -> str:
    return ", ".join(map(_name, names))


def _name(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _literal(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))
