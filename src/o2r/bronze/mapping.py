"""From the columns of a file to the columns of a contract."""

import re
from collections.abc import Collection
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal

import yaml
from psycopg2 import sql
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from o2r.bronze.conversions import (
    check_date_form,
    check_number_sample,
    daily_part,
    date_text,
    mapped,
    number_text,
)
from o2r.bronze.files import SYSTEM_COLUMNS, DataFile, staged_name
from o2r.contracts import Contract
from o2r.errors import UserError
from o2r.yaml_files import read_yaml

NO_VALUE = sql.SQL("null::text")
"""Expression of a contract column that a file does not deliver."""


def _scalar(value: object) -> object:
    """What YAML reads as a number or a truth value, as the text that it stands for."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _refuse_both(**ways: Collection[str]) -> None:
    """Raise ValueError for a target that is under two of the ways."""
    for (one, here), (other, there) in combinations(ways.items(), 2):
        for target in sorted({*here} & {*there}):
            raise ValueError(f"{target} is under both {one} and {other}")


def _listed(entries: object) -> object:
    """A single entry is a list of one."""
    return entries if isinstance(entries, list) else [entries]


ScalarText = Annotated[str, BeforeValidator(_scalar)]
DateForm = Annotated[str, AfterValidator(check_date_form)]
NumberSample = Annotated[str, BeforeValidator(_scalar), AfterValidator(check_number_sample)]


class EachDay(BaseModel):
    """One row per day of a span, such as that of an invoice.

    from, to:  source columns, both days included; `format` as in `dates`.
    date:      target column that gets the day.
    amounts:   target columns divided over the days, exactly.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: str = Field(alias="from")
    last: str = Field(alias="to")
    format: DateForm | None = None
    date: str
    amounts: list[str] = []


class FileMapping(BaseModel):
    """How one file, or the files of one pattern, fit a bronze table.

    columns:     target column -> source column.
    expressions: target column -> SQL over the source columns, all of which are text.
    constants:   target column -> text.
    dates:       target column -> its form, such as DD/MM/YYYY; ISO 8601 may be mixed in.
    numbers:     target column -> how the file writes 1234.56, such as 1.234,56 or $1,234.56.
    values:      target column -> {value of the file: value of O2R}; a value without a line stops
                 the load, unless there is one for "*".
    where:       SQL, false for the rows to leave out.
    each_day:    see EachDay.
    ignore:      source columns left out on purpose.
    separator, encoding: of a CSV that is not UTF-8 with commas (a .tsv: with tabs).
    Other source columns map to a target of the same name or by an alias of the contract.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str | None = None
    separator: Literal[",", ";", "\t", "|"] = ","
    encoding: Literal["utf-8", "windows-1252", "iso-8859-1", "iso-8859-15"] = "utf-8"
    columns: dict[str, str] = {}
    expressions: dict[str, str] = {}
    constants: dict[str, ScalarText] = {}
    dates: dict[str, DateForm] = {}
    numbers: dict[str, NumberSample] = {}
    values: dict[str, dict[ScalarText, ScalarText | None]] = {}
    where: str | None = None
    each_day: EachDay | None = None
    ignore: list[str] = []

    @model_validator(mode="after")
    def _one_way_each(self) -> "FileMapping":
        day = [self.each_day.date] if self.each_day else []
        _refuse_both(
            columns=self.columns,
            expressions=self.expressions,
            constants=self.constants,
            each_day=day,
        )
        _refuse_both(dates=self.dates, numbers=self.numbers, values=self.values, each_day=day)
        for target, values in self.values.items():
            if len({value.strip().lower() for value in values}) < len(values):
                raise ValueError(f"values of {target}: two lines differ only in case or blanks")
        return self

    @property
    def has_sql(self) -> bool:
        """True when the mapping holds SQL of its own."""
        return bool(self.expressions or self.where)


class Mapping(BaseModel):
    """A mapping file: file name or pattern (`usage_*.csv`) -> how it is read.

    A file that feeds several tables has a list of entries, one per table.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: dict[str, Annotated[list[FileMapping], BeforeValidator(_listed)]] = {}

    @model_validator(mode="after")
    def _one_way_to_read(self) -> "Mapping":
        for name, entries in self.files.items():
            if len({(entry.separator, entry.encoding) for entry in entries}) != 1:
                raise ValueError(f"{name}: its entries differ in separator or encoding")
            if len(entries) > 1 and None in [entry.table for entry in entries]:
                raise ValueError(f"{name}: each of its entries needs a table")
        return self

    def names(self, file: DataFile) -> bool:
        """True when a pattern fits the file's name."""
        return self.of(file) != [FileMapping()]

    def of(self, file: DataFile) -> list[FileMapping]:
        """Return the entries of the first pattern that fits the file's name, or an empty entry."""
        pattern = self.pattern_of(file)
        return [FileMapping()] if pattern is None else self.files[pattern]

    def pattern_of(self, file: DataFile) -> str | None:
        """Return the first pattern that fits the file's name."""
        for pattern in self.files:
            if fnmatchcase(file.path.name, pattern) or fnmatchcase(file.name, pattern):
                return pattern
        return None


def read_mapping(path: Path) -> Mapping:
    """Read a YAML mapping file. Raises UserError saying what is wrong, and where in the file."""
    try:
        document = read_yaml(path) or {}
        return Mapping.model_validate(document)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"mapping {path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise UserError(f"mapping {path}: not valid YAML: {error}") from None
    except ValidationError as error:
        problem = error.errors()[0]
        # the place in a list of entries; a single entry is at 0, and so is the first of a list
        places = [f"entry {part + 1}" if isinstance(part, int) else part for part in problem["loc"]]
        where = " > ".join(part for part in places if part != "entry 1") or "top level"
        raise UserError(f"mapping {path}: {where}: {problem['msg'].lower()}") from None


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
    targets = {column.name for column in contract.columns}
    _check_names(file, names, contract, entry)
    taken = {*entry.columns.values(), *entry.ignore}
    free = [name for name in names if name not in taken]
    used: set[str | None] = set()
    resolved: dict[str, sql.Composable] = {}
    for column in contract.columns:
        if column.name in entry.expressions:
            resolved[column.name] = sql.SQL(f"({entry.expressions[column.name]})::text")
        elif column.name in entry.constants:
            resolved[column.name] = sql.Literal(entry.constants[column.name])
        elif entry.each_day and column.name == entry.each_day.date:
            resolved[column.name] = sql.SQL("_day")
        else:
            candidates = [name for name in (column.name, *column.aliases) if name in free]
            source = entry.columns.get(column.name) or next(iter(candidates), None)
            if source is None and column.required:
                raise UserError(
                    f"{file.name}: required column '{column.name}' of {contract.table} is missing: "
                    "deliver it, or map it with --mapping or an alias in the contract"
                )
            used.add(source)
            resolved[column.name] = sql.Identifier(staged_name(source)) if source else NO_VALUE
    known = {*used, *read_by(entry, names), *elsewhere}
    for name in free:
        if name not in known:
            raise UserError(
                f"{file.name}: unknown column '{name}', not in {contract.table}"
                f"{_closest(name, targets)}: map or ignore it with --mapping, or add it as an "
                "alias to the contract"
            )
    return resolved


def convert(values: dict[str, sql.Composable], entry: FileMapping) -> dict[str, sql.Composable]:
    """Return what `resolve` gave with dates, numbers, values and days of the entry applied."""
    found = dict(values)
    for target, form in entry.dates.items():
        found[target] = date_text(found[target], form)
    for target, sample in entry.numbers.items():
        found[target] = number_text(found[target], sample)
    for target, lines in entry.values.items():
        found[target] = mapped(found[target], lines)
    for target in entry.each_day.amounts if entry.each_day else ():
        found[target] = daily_part(found[target])
    return found


def stated_forms(entry: FileMapping) -> dict[str, str]:
    """Say for each target with a stated form what its values have to be."""
    dates = {target: f"a date as {form} or ISO 8601" for target, form in entry.dates.items()}
    return dates | {target: f"a number as {form}" for target, form in entry.numbers.items()}


def read_by(entry: FileMapping, names: Collection[str] = ()) -> set[str]:
    """Source columns that an entry reads or ignores; those of `names` too that its SQL names."""
    found = {*entry.columns.values(), *entry.ignore}
    if entry.each_day:
        found |= {entry.each_day.first, entry.each_day.last}
    formulas = " ".join((*entry.expressions.values(), entry.where or ""))
    return found | {name for name in names if _names(formulas, name)}


def _check_names(file: DataFile, names: list[str], contract: Contract, entry: FileMapping) -> None:
    """Raise UserError for a source column that is not there, or a target that is none."""
    sources = dict(entry.columns)
    if entry.each_day:
        sources |= {"each_day > from": entry.each_day.first, "each_day > to": entry.each_day.last}
    for target, source in sources.items():
        if source not in names:
            raise UserError(
                f"{file.name}: the mapping takes {target} from '{source}', which is not in the "
                f"file{_closest(source, names)}"
            )
    formulas = " ".join((*entry.expressions.values(), entry.where or ""))
    for name in SYSTEM_COLUMNS:
        if name in names and _names(formulas, name):
            raise UserError(
                f"{file.name}: SQL cannot read the column '{name}', a name that PostgreSQL has for "
                "itself: map it under columns"
            )
    types = {column.name: column.data_type for column in contract.columns}
    wanted = [*entry.columns, *entry.expressions, *entry.constants]
    wanted += [*entry.dates, *entry.numbers, *entry.values]
    if entry.each_day:
        wanted += [entry.each_day.date, *entry.each_day.amounts]
    for target in wanted:
        if target not in types:
            raise UserError(
                f"{file.name}: the mapping fills '{target}', which is no column of "
                f"{contract.table}{_closest(target, types)}"
            )
    days = ("date", "timestamp")
    amounts = ("numeric", "bigint", "integer")
    for kind, targets, fits in (("date", entry.dates, days), ("number", entry.numbers, amounts)):
        for target in targets:
            if not types[target].startswith(fits):
                raise UserError(
                    f"{file.name}: the mapping reads {target} as a {kind}, but in "
                    f"{contract.table} it is {types[target]}"
                )


def _names(formulas: str, column: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", formulas) is not None


def _closest(word: str, choices: object) -> str:
    near = get_close_matches(word.lower(), list(choices), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
