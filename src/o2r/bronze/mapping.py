"""What a mapping file may say, and reading it; o2r.bronze.columns makes SQL of it."""

import re
from collections.abc import Callable, Collection
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_serializer,
    model_validator,
)

from o2r.bronze.conversions import check_date_form, check_number_sample
from o2r.bronze.countries import country_words
from o2r.bronze.files import DataFile, fits
from o2r.errors import UserError
from o2r.yaml_files import read_yaml

QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
EXPORTED = "_exported"
"""Column with the day of the export, for the SQL of a mapping."""


def _scalar(value: object) -> object:
    """What YAML reads as a number, a truth value or a day, as the text that it stands for."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
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


class _Part(BaseModel):
    """A part of a mapping; what it does not use of `later` is not in its dump.

    later: keys that came after files had been loaded; a dump is part of a file's checksum.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    later: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _as_before(self, dump: Callable[[Any], dict]) -> dict:
        return {key: value for key, value in dump(self).items() if value or key not in self.later}


class EachDay(_Part):
    """One row per day of a span, such as that of an invoice.

    from, to:    source columns, both days included; `format` as in `dates`.
    span:        instead of `to`: how long from the first day on.
    expressions: from, to -> SQL over the source columns, where no column says it.
    date:        target column that gets the day.
    amounts:     target columns divided over the days, exactly.
    """

    later = ("span", "expressions")

    first: str | None = Field(default=None, alias="from")
    last: str | None = Field(default=None, alias="to")
    format: DateForm | None = None
    span: Literal["month", "quarter", "year"] | None = None
    expressions: dict[Literal["from", "to"], str] = {}
    date: str
    amounts: list[str] = []

    @model_validator(mode="after")
    def _one_way_each(self) -> "EachDay":
        ways = {
            "from": [self.first, self.expressions.get("from")],
            "to": [self.last, self.expressions.get("to"), self.span],
        }
        for end, told in ways.items():
            if len([way for way in told if way]) != 1:
                others = ", expressions or span" if end == "to" else " or expressions"
                raise ValueError(f"say {end} once: as a column{others}")
        return self


class Lookup(_Part):
    """A column of another file of the same folder, for the rows that name it.

    file:    name or pattern of that file, read as the mapping reads it.
    key:     source column of this file.
    matches: column of the other file with the same values, once each.
    column:  column of the other file that is wanted; a path into JSON has dots.
    where:   SQL over the columns of the other file, true for the rows that count.
    pick:    which of several answers counts, of texts in their order, such as days; none otherwise.
    missing: what becomes of a row without a partner: kept out with a reason, or left blank.
    """

    file: str
    key: str
    matches: str
    column: str
    where: str | None = None
    pick: Literal["first", "last"] | None = None
    missing: Literal["refuse", "blank"] = "refuse"


class FileMapping(_Part):
    """How one file, or the files of one pattern, fit a bronze table.

    columns:     target column -> source column; `a.b.0` is a path into one that holds JSON.
    expressions: target column -> SQL over the source columns, all of which are text.
    constants:   target column -> text.
    dates:       target column -> its form, such as DD/MM/YYYY, epoch (seconds) or epoch_ms; ISO
                 8601 may be mixed in.
    numbers:     target column -> how the file writes 1234.56, such as 1.234,56 or $1,234.56.
    cents:       target column -> target column of its currency, in whose smallest unit it is.
    values:      target column -> {value of the file: value of O2R}; a value without a line stops
                 the load, unless there is one for "*", which leaves it as it is if it says "*".
    countries:   target columns that name countries; they get the two letters of ISO 3166.
    where:       SQL, false for the rows to leave out.
    refuse:      reason -> SQL, true for the rows to keep out for it.
    lookups:     name of a new source column -> see Lookup.
    each_item:   path of a JSON list: one row per element, which is the source column _item (JSON),
                 _item_number its place.
    each_count:  source column with a count: so many rows, _number from 1.
    each_day:    see EachDay.
    ignore:      source columns left out on purpose, or patterns of them; "*" is all others.
    optional:    source columns that a file may lack; they are blank then.
    skip:        why such a file is not loaded.
    records:     key of a JSON document whose list holds the rows.
    known_by:    source columns by which `o2r map` knows such a file.
    A file with `like: stripe/customers` is read as that mapping of a tool reads it, but for what is
    said beside it.
    separator, encoding: of a CSV that is not UTF-8 with commas (a .tsv: with tabs).
    Other source columns map to a target of the same name or by an alias of the contract.
    """

    later = (
        *("cents", "countries", "refuse", "lookups", "each_item", "each_count", "optional"),
        *("skip", "records", "known_by", "like"),
    )

    table: str | None = None
    separator: Literal[",", ";", "\t", "|"] = ","
    encoding: Literal["utf-8", "windows-1252", "iso-8859-1", "iso-8859-15"] = "utf-8"
    columns: dict[str, str] = {}
    expressions: dict[str, str] = {}
    constants: dict[str, ScalarText] = {}
    dates: dict[str, DateForm] = {}
    numbers: dict[str, NumberSample] = {}
    cents: dict[str, str] = {}
    values: dict[str, dict[ScalarText, ScalarText | None]] = {}
    countries: list[str] = []
    where: str | None = None
    refuse: dict[str, str] = {}
    lookups: dict[str, Lookup] = {}
    each_item: str | None = None
    each_count: str | None = None
    each_day: EachDay | None = None
    ignore: list[str] = []
    optional: list[str] = []
    skip: str | None = None
    records: str | None = None
    known_by: list[str] = []
    like: str | None = None

    @model_validator(mode="after")
    def _one_way_each(self) -> "FileMapping":
        day = [self.each_day.date] if self.each_day else []
        _refuse_both(
            columns=self.columns,
            expressions=self.expressions,
            constants=self.constants,
            each_day=day,
        )
        _refuse_both(
            dates=self.dates,
            numbers=self.numbers,
            cents=self.cents,
            values=self.values,
            each_day=day,
        )
        _refuse_both(
            dates=self.dates, numbers=self.numbers, cents=self.cents, countries=self.countries
        )
        for formula in self.formulas:
            bare = QUOTED.sub("", formula)
            if bare.count("(") != bare.count(")"):
                raise ValueError(
                    f"parentheses do not balance in `{formula}`: in YAML a # after a blank begins "
                    "a comment, write such SQL behind >-"
                )
        for target, values in self.values.items():
            if len({value.strip().lower() for value in values}) < len(values):
                raise ValueError(f"values of {target}: two lines differ only in case or blanks")
        return self

    @property
    def formulas(self) -> list[str]:
        """The SQL that the mapping holds."""
        of_days = self.each_day.expressions.values() if self.each_day else ()
        where = [self.where] if self.where else []
        return [*self.expressions.values(), *where, *self.refuse.values(), *of_days]

    @property
    def reshapes(self) -> bool:
        """True when other rows may come out than are in the file, or with other columns."""
        return bool(
            self.where
            or self.refuse
            or self.lookups
            or self.optional
            or self.each_item
            or self.each_count
            or self.each_day
            or self.tells_exported
        )

    @property
    def tells_exported(self) -> bool:
        """True when the day of the export may change what becomes of a row."""
        read = [*self.columns.values(), *self.formulas]
        read += [one.key for one in self.lookups.values()]
        return any(EXPORTED in one for one in read)

    @property
    def words(self) -> dict[str, dict[str, str | None]]:
        """`values`, with the names of all countries where a target is one of `countries`."""
        found = dict(self.values)
        for target in self.countries:
            own = {word.strip().lower(): to for word, to in self.values.get(target, {}).items()}
            found[target] = country_words() | own
        return found


class Mapping(BaseModel):
    """A mapping file: file name or pattern (`usage_*.csv`) -> how it is read.

    A file that feeds several tables has a list of entries, one per table.
    exported: day on which the files were exported, YYYY-MM-DD; SQL reads it as _exported.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    exported: ScalarText | None = Field(default=None, pattern=r"^\d{4}-\d\d-\d\d$")
    files: dict[str, Annotated[list[FileMapping], BeforeValidator(_listed)]] = {}

    @model_validator(mode="after")
    def _one_way_to_read(self) -> "Mapping":
        for name, entries in self.files.items():
            if len({(one.separator, one.encoding, one.records) for one in entries}) != 1:
                raise ValueError(f"{name}: its entries differ in separator, encoding or records")
            if len(entries) > 1 and None in [entry.table for entry in entries]:
                raise ValueError(f"{name}: each of its entries needs a table")
        return self

    def skips(self, file: DataFile) -> str | None:
        """Why the file is not loaded, if so."""
        return next((entry.skip for entry in self.of(file) if entry.skip), None)

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
            if fits(file, pattern):
                return pattern
        return None


TOOLS = Path(__file__).with_name("tool_mappings")
"""Folder of the mappings of tools, `<tool>.yml`."""
QUESTION = "?"
"""What `o2r map` writes where it does not know."""


def _with_likes(path: Path, document: Any) -> Any:
    """The document with what `like` means in its place. Raises UserError for an unknown one."""
    if not isinstance(document, dict) or not isinstance(document.get("files"), dict):
        return document
    files = {}
    for name, entries in document["files"].items():
        files[name] = []
        for entry in _listed(entries):
            if _asks(entry):
                raise UserError(f"mapping {path}: {name}: {_asks(entry)}: a question is still open")
            if not isinstance(entry, dict) or "like" not in entry:
                files[name].append(entry)
                continue
            tool, _, kind = str(entry["like"]).partition("/")
            source = TOOLS / f"{tool}.yml"
            known = read_yaml(source)["files"] if source.is_file() else {}
            if kind not in known:
                raise UserError(
                    f"mapping {path}: {name}: no tool has '{entry['like']}': see `o2r map`"
                )
            files[name] += [_laid_over(one, entry) for one in _listed(known[kind])]
    return document | {"files": files}


def _laid_over(below: dict, above: dict) -> dict:
    """Keys of `above` before those of `below`, also inside of keys that both have."""
    both = {key for key in below.keys() & above.keys() if isinstance(below[key], dict)}
    both = {key for key in both if isinstance(above[key], dict)}
    return below | above | {key: _laid_over(below[key], above[key]) for key in both}


def _asks(entry: object, path: tuple[str, ...] = ()) -> str | None:
    """Where an entry still has a question, if so."""
    if entry == QUESTION:
        return " > ".join(path)
    if isinstance(entry, dict):
        parts = list(entry.items())
    else:
        parts = list(enumerate(entry, 1)) if isinstance(entry, list) else []
    found = (_asks(value, (*path, str(key))) for key, value in parts)
    return next((where for where in found if where), None)


def read_mapping(path: Path) -> Mapping:
    """Read a YAML mapping file. Raises UserError saying what is wrong, and where in the file."""
    try:
        return Mapping.model_validate(_with_likes(path, read_yaml(path) or {}))
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
