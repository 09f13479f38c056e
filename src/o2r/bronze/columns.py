"""From the columns of a file to the columns of a contract."""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase

from psycopg2 import sql

from o2r.bronze.conversions import (
    cents_text,
    daily_part,
    date_text,
    json_path,
    mapped,
    number_text,
)
from o2r.bronze.files import SYSTEM_COLUMNS, DataFile, staged_name
from o2r.bronze.mapping import EXPORTED, FileMapping
from o2r.contracts import Contract
from o2r.errors import UserError

NO_VALUE = sql.SQL("null::text")
"""Expression of a contract column that a file does not deliver."""
ITEM = ("_item", "_item_number")
COUNT = ("_number",)
WILD = "*?["


def choose_table(file: DataFile, entry: FileMapping, contracts: dict[str, Contract]) -> Contract:
    """Return the contract the file is for. Raises UserError when no name fits."""
    hints = (entry.table,) if entry.table else file.table_hints
    for hint in hints:
        if hint in contracts:
            return contracts[hint]
    raise UserError(
        f"{file.name}: no bronze table is named '{hints[0]}'{_closest(hints[0], contracts)}: "
        "name the file <table>.csv or map it with --mapping"
    )


def made_by(entry: FileMapping) -> list[str]:
    """Source columns that the mapping itself makes."""
    item, count = ITEM if entry.each_item else (), COUNT if entry.each_count else ()
    return [*entry.lookups, *item, *count, EXPORTED]


def resolve(
    file: DataFile,
    names: list[str],
    contract: Contract,
    entry: FileMapping,
    elsewhere: Collection[str] = (),
) -> dict[str, sql.Composable]:
    """Return for each contract column the SQL text expression over the source columns `names`.

    elsewhere: source columns that another entry of the same file takes.
    Raises UserError naming the first column that is unknown, missing or wrongly mapped.
    """
    found, problems = examine(file, names, contract, entry, elsewhere)
    if problems:
        raise UserError(problems[0])
    return found


def examine(
    file: DataFile,
    names: list[str],
    contract: Contract,
    entry: FileMapping,
    elsewhere: Collection[str] = (),
) -> tuple[dict[str, sql.Composable], list[str]]:
    """As `resolve`, with a line about each column that is unknown, missing or wrongly mapped."""
    problems = _wrong_names(file, names, contract, entry)
    if problems:
        return {}, problems
    ignored = [name for name in names if is_ignored(name, entry)]
    taken = {*(_head(source, names) for source in entry.columns.values()), *ignored}
    free = [name for name in names if name not in taken]
    used: set[str] = set()
    resolved: dict[str, sql.Composable] = {}
    for column in contract.columns:
        if column.name in entry.expressions:
            resolved[column.name] = sql.SQL(f"({entry.expressions[column.name]})::text")
        elif column.name in entry.constants:
            resolved[column.name] = sql.Literal(entry.constants[column.name])
        elif entry.each_day and column.name == entry.each_day.date:
            resolved[column.name] = sql.SQL("_day")
        elif column.name in entry.columns:
            resolved[column.name] = source_sql(entry.columns[column.name], names)
        else:
            source = next((n for n in (column.name, *column.aliases) if n in free), None)
            if source is None and column.required:
                problems.append(
                    f"{file.name}: required column '{column.name}' of {contract.table} is missing: "
                    "deliver it, or map it with --mapping or an alias in the contract"
                )
            used |= {source} if source else set()
            resolved[column.name] = sql.Identifier(staged_name(source)) if source else NO_VALUE
    known = {*used, *read_by(entry, names), *elsewhere}
    targets = {column.name for column in contract.columns}
    for name in free:
        if name not in known:
            way = next((w for w in ("constants", "expressions") if name in getattr(entry, w)), None)
            what = (
                f"column '{name}', which {way} of the mapping fill otherwise: "
                if way
                else f"unknown column '{name}', not in {contract.table}{_closest(name, targets)}: "
            )
            problems.append(
                f"{file.name}: {what}map or ignore it with --mapping, or add it as an "
                "alias to the contract"
            )
    return resolved, problems


def convert(
    values: Mapping[str, sql.Composable], entry: FileMapping, contract: Contract
) -> dict[str, sql.Composable]:
    """Return what `resolve` gave with dates, numbers, values and days of the entry applied."""
    found = dict(values)
    types = {column.name: column.data_type for column in contract.columns}
    for target, form in entry.dates.items():
        found[target] = date_text(found[target], form, is_day=types[target] == "date")
    for target, sample in entry.numbers.items():
        found[target] = number_text(found[target], sample)
    for target, lines in entry.words.items():
        found[target] = mapped(found[target], lines)
    for target, currency in entry.cents.items():
        found[target] = cents_text(found[target], found[currency])
    for target in entry.each_day.amounts if entry.each_day else ():
        found[target] = daily_part(found[target])
    return found


def stated_forms(entry: FileMapping) -> dict[str, str]:
    """Say for each target with a stated form what its values have to be."""
    dates = {target: f"a date as {form} or ISO 8601" for target, form in entry.dates.items()}
    numbers = {target: f"a number as {form}" for target, form in entry.numbers.items()}
    cents = "an amount in the smallest unit of a currency whose decimals are known"
    return dates | numbers | dict.fromkeys(entry.cents, cents)


def read_by(entry: FileMapping, names: Collection[str] = ()) -> set[str]:
    """Source columns that an entry reads or ignores; those of `names` too that its SQL names."""
    found = {_head(source, names) for source in _read(entry).values()}
    found |= {*entry.ignore} | {name for name in names if is_ignored(name, entry)}
    formulas = " ".join(entry.formulas)
    return found | {name for name in names if _names(formulas, name)}


def _read(entry: FileMapping) -> dict[str, str]:
    """Source columns that an entry reads as they are, by what it takes from them."""
    found = dict(entry.columns)
    found |= {f"lookups > {name}": one.key for name, one in entry.lookups.items()}
    found |= {"each_item": entry.each_item, "each_count": entry.each_count}
    if entry.each_day:
        found |= {"each_day > from": entry.each_day.first, "each_day > to": entry.each_day.last}
    return {target: source for target, source in found.items() if source}


def _head(source: str, names: Collection[str]) -> str:
    """The column that a source is, or the one that holds the JSON that it is a path into."""
    return source if source in names else source.split(".")[0]


def source_sql(source: str, names: Collection[str]) -> sql.Composable:
    """SQL of a source column, or of a path into one that holds JSON."""
    head = _head(source, names)
    column = sql.Identifier(staged_name(head))
    return column if head == source else json_path(column, source.split(".")[1:])


def json_columns(entry: FileMapping, names: Collection[str]) -> set[str]:
    """Columns of the file that have to hold JSON."""
    found = {_head(s, names) for s in entry.columns.values() if s != _head(s, names)}
    return (found | {_head(one, names) for one in [entry.each_item] if one}) & {*names}


def is_ignored(name: str, entry: FileMapping) -> bool:
    """Whether a source column is left out on purpose."""
    read = {_head(source, [name]) for source in _read(entry).values()}
    patterns = [one for one in entry.ignore if one == name or any(sign in one for sign in WILD)]
    return name not in read and any(fnmatchcase(name, one) or one == name for one in patterns)


def _wrong_names(
    file: DataFile, names: list[str], contract: Contract, entry: FileMapping
) -> list[str]:
    """A line for each source column that is not there, and each target that is none."""
    problems = []
    there = [*names, *made_by(entry)]
    for target, source in _read(entry).items():
        if _head(source, there) not in (*there, *entry.optional):
            problems.append(
                f"{file.name}: the mapping takes {target} from '{source}', which is not in the "
                f"file{_closest(source, names)}"
            )
    for name in made_by(entry):
        if name in names:
            problems.append(f"{file.name}: the mapping makes a column '{name}' that the file has")
    formulas = " ".join(entry.formulas)
    for name in SYSTEM_COLUMNS:
        if name in names and _names(formulas, name):
            problems.append(
                f"{file.name}: SQL cannot read the column '{name}', a name that PostgreSQL has for "
                "itself: map it under columns"
            )
    types = {column.name: column.data_type for column in contract.columns}
    wanted = [*entry.columns, *entry.expressions, *entry.constants, *entry.countries]
    wanted += [*entry.dates, *entry.numbers, *entry.values, *entry.cents, *entry.cents.values()]
    if entry.each_day:
        wanted += [entry.each_day.date, *entry.each_day.amounts]
    problems += [
        f"{file.name}: the mapping fills '{target}', which is no column of "
        f"{contract.table}{_closest(target, types)}"
        for target in dict.fromkeys(wanted)
        if target not in types
    ]
    days = ("date", "timestamp")
    amounts = ("numeric", "bigint", "integer")
    kinds = (("date", entry.dates, days), ("number", entry.numbers, amounts))
    for kind, targets, fits in (*kinds, ("number", entry.cents, amounts)):
        problems += [
            f"{file.name}: the mapping reads {target} as a {kind}, but in "
            f"{contract.table} it is {types[target]}"
            for target in targets
            if not types.get(target, fits[0]).startswith(fits)
        ]
    return problems


def _names(formulas: str, column: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", formulas) is not None


def _closest(word: str, choices: object) -> str:
    near = get_close_matches(word.lower(), list(choices), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
