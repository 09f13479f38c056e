"""From the columns of a file to the columns of a contract."""

import re
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from psycopg2 import sql
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from o2r.bronze.contracts import Contract
from o2r.bronze.files import DataFile
from o2r.errors import UserError


class FileMapping(BaseModel):
    """How one file, or the files of one pattern, fit a bronze table.

    columns:     target column -> source column.
    expressions: target column -> SQL over the source columns, all of which are text.
    ignore:      source columns left out on purpose.
    Other source columns map to a target of the same name or by an alias of the contract.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str | None = None
    columns: dict[str, str] = {}
    expressions: dict[str, str] = {}
    ignore: list[str] = []

    @model_validator(mode="after")
    def _one_way_each(self) -> "FileMapping":
        twice = sorted(self.columns.keys() & self.expressions.keys())
        if twice:
            raise ValueError(f"{twice[0]} is under both columns and expressions")
        return self


class Mapping(BaseModel):
    """A mapping file: file name or pattern (`usage_*.csv`) -> how it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: dict[str, FileMapping] = {}

    def of(self, file: DataFile) -> FileMapping:
        """Return the first entry that fits the file's name, or an empty one."""
        for pattern, entry in self.files.items():
            if fnmatchcase(file.path.name, pattern) or fnmatchcase(file.name, pattern):
                return entry
        return FileMapping()


def read_mapping(path: Path) -> Mapping:
    """Read a YAML mapping file. Raises UserError saying what is wrong, and where in the file."""
    try:
        return Mapping.model_validate(yaml.safe_load(path.read_text("utf-8")) or {})
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"mapping {path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise UserError(f"mapping {path}: not valid YAML: {error}") from None
    except ValidationError as error:
        problem = error.errors()[0]
        where = " > ".join(str(part) for part in problem["loc"]) or "top level"
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
    file: DataFile, names: list[str], contract: Contract, entry: FileMapping
) -> dict[str, sql.Composable]:
    """Return for each contract column the SQL text expression over the source columns `names`.

    Raises UserError naming the first column that is unknown, missing or wrongly mapped.
    """
    targets = {column.name for column in contract.columns}
    for target, source in entry.columns.items():
        if source not in names:
            raise UserError(
                f"{file.name}: the mapping takes {target} from '{source}', which is not in the "
                f"file{_closest(source, names)}"
            )
    for target in (*entry.columns, *entry.expressions):
        if target not in targets:
            raise UserError(
                f"{file.name}: the mapping fills '{target}', which is no column of "
                f"{contract.table}{_closest(target, targets)}"
            )
    taken = {*entry.columns.values(), *entry.ignore}
    free = [name for name in names if name not in taken]
    used: set[str] = set()
    resolved: dict[str, sql.Composable] = {}
    for column in contract.columns:
        if column.name in entry.expressions:
            resolved[column.name] = sql.SQL(f"({entry.expressions[column.name]})::text")
            continue
        candidates = [name for name in (column.name, *column.aliases) if name in free]
        source = entry.columns.get(column.name) or next(iter(candidates), None)
        if source is None and column.required:
            raise UserError(
                f"{file.name}: required column '{column.name}' of {contract.table} is missing: "
                "deliver it, or map it with --mapping or an alias in the contract"
            )
        used.add(source)
        resolved[column.name] = sql.Identifier(source) if source else sql.SQL("null::text")
    formulas = " ".join(entry.expressions.values())
    for name in free:
        if name not in used and not re.search(rf"\b{re.escape(name)}\b", formulas):
            raise UserError(
                f"{file.name}: unknown column '{name}', not in {contract.table}"
                f"{_closest(name, targets)}: map or ignore it with --mapping, or add it as an "
                "alias to the contract"
            )
    return resolved


def _closest(word: str, choices: object) -> str:
    near = get_close_matches(word.lower(), list(choices), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
