"""`company.yml`: all that a company states, in one file beside its exports.

```yaml
settings: {reporting_currency: EUR, fiscal_year_start_month: 4}
metric_targets:
  - {metric: nrr_pct, valid_from: 2025-01-01, target: 105}
support_holidays:
  - {schedule: standard, holiday_date: 2025-12-25, holiday_name: Christmas Day}
```

The other sections are bronze tables of the source `company`, their rows those of the contract.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from o2r.bronze.check import check as check_rows
from o2r.bronze.files import COMPANY_FILE
from o2r.bronze.inspection import Folder
from o2r.bronze.loader import BatchResult, load, open_folder
from o2r.company.stated import checked, state
from o2r.contracts import load_contracts
from o2r.errors import UserError, nearest
from o2r.settings import Settings
from o2r.warehouse.query import Session, query
from o2r.yaml_files import read_yaml

SETTINGS = "settings"
SOURCE = "company"


@dataclass(frozen=True)
class Statement:
    """What a file states: settings by name (None takes one back), rows by bronze table."""

    path: Path
    settings: dict[str, Any]
    tables: dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Loaded:
    """What a file has changed: settings by name, and the batches of its rows."""

    settings: list[str]
    batches: list[BatchResult]


def beside(path: Path) -> Path | None:
    """The company's file in a folder of exports, if it is there."""
    found = path / COMPANY_FILE
    return found if found.is_file() else None


def read(path: Path, settings: Settings) -> Statement:
    """Read the file and judge all of it but the rows, which only the warehouse can.

    Raises UserError with every fault.
    """
    try:
        found = read_yaml(path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: {error}") from None
    sections = _sections(settings)
    if not isinstance(found, dict):
        raise UserError(f"{path}: must hold sections: {', '.join(sections)}")
    faults = [
        f"no section {name}{nearest(str(name), sections)}" for name in found if name not in sections
    ]
    given = found.pop(SETTINGS, None) or {}
    if not isinstance(given, dict):
        faults.append(f"{SETTINGS}: must be names and values")
        given = {}
    for name, rows in found.items():
        if name in sections and not _are_rows(rows):
            faults.append(f"{name}: must be a list of rows, such as - {{valid_from: 2025-01-01}}")
    try:
        checked(settings, {name: value for name, value in given.items() if value is not None})
    except UserError as error:
        faults.append(str(error))
    if faults:
        raise UserError("; ".join(f"{path.name}: {fault}" for fault in faults))
    return Statement(path, given, {name: rows for name, rows in found.items() if rows})


def refuse_faults(statement: Statement, settings: Settings) -> None:
    """Bring every row to the door of bronze, and take it back.

    Raises UserError that names each row which would be kept out, and each value that nobody knows:
    a file that a person writes is right, or it is not loaded.
    """
    with _as_folder(statement, settings) as folder:
        if folder is None:
            return
        _, findings = check_rows(folder, settings=settings, note=lambda _line: None)
    if findings:
        raise UserError(
            "; ".join(
                f"{statement.path.name}: {Path(one.file).stem}"
                + (f", row {one.first_row}" if one.first_row else "")
                + f": {one.what}"
                for one in findings
            )
        )


def load_company(statement: Statement, settings: Settings) -> Loaded:
    """Put a statement in force: first its rows, then its settings, all of them checked before.

    Rows that bronze has already count as duplicates; what the file does not name stays as it is.
    Raises UserError, with nothing written, for a fault.
    """
    refuse_faults(statement, settings)
    batches: list[BatchResult] = []
    with _as_folder(statement, settings) as folder:
        if folder is not None:
            batches = load(folder.path, None, _dataset(settings), settings=settings)
    with Session(settings) as session:
        changed = state(session, statement.settings, where=statement.path.name)
    return Loaded(changed, batches)


def exported(session: Session) -> str:
    """What the company of this database states, as a file that `o2r config load` takes."""
    settings = session.settings
    rows = session.query("select name, value from ops.settings_in_force order by name")
    found: dict[str, Any] = {SETTINGS: dict(rows)} if rows else {}
    for table, contract in load_contracts(settings.dbt_dir).items():
        if contract.source != SOURCE:
            continue
        names = [column.name for column in contract.columns]
        key = ", ".join(contract.business_key)
        newest = session.query(
            f"select distinct on ({key}) {', '.join(names)} from raw_bronze.{table} "
            f"order by {key}, loaded_at desc"
        )
        if newest:
            found[table] = [
                {name: _plain(value) for name, value in zip(names, row, strict=True)
                 if value is not None}
                for row in newest
            ]  # fmt: skip
    if not found:
        return "# Nothing is stated: every setting is the default, and nothing is judged.\n"
    return yaml.safe_dump(found, sort_keys=False, default_flow_style=None, allow_unicode=True)


def _dataset(settings: Settings) -> str:
    """The dataset that bronze holds, which a statement is about and no other one beside it."""
    found = query(
        settings,
        "select dataset from ops.load_batches where unloaded_at is null "
        "order by batch_id desc limit 1",
    )
    return found[0][0] if found else "files"


def _sections(settings: Settings) -> list[str]:
    contracts = load_contracts(settings.dbt_dir).values()
    return [SETTINGS, *(one.table for one in contracts if one.source == SOURCE)]


def _are_rows(found: Any) -> bool:
    return found is None or (isinstance(found, list) and all(isinstance(r, dict) for r in found))


@contextmanager
def _as_folder(statement: Statement, settings: Settings) -> Iterator[Folder | None]:
    """The rows as a folder that the loader takes, one file per table; None where there are none.

    Within the folder they lie in one with the name of the file, by which the ledger knows them.
    """
    if not statement.tables:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="o2r-company-") as made:
        inside = Path(made, statement.path.name)
        inside.mkdir()
        for table, rows in statement.tables.items():
            lines = "".join(json.dumps(row, default=_text) + "\n" for row in rows)
            (inside / f"{table}.ndjson").write_text(lines, encoding="utf-8")
        yield open_folder(Path(made), settings=settings)


def _text(value: Any) -> str:
    """What YAML reads and JSON does not have: days and instants."""
    if isinstance(value, date):
        return value.isoformat()
    raise UserError(f"{value!r}: must be a text, a number or a day")


def _plain(value: Any) -> Any:
    """A value of the warehouse as YAML writes it: numbers without a trailing zero."""
    if isinstance(value, date | str | int | None):
        return value
    return int(value) if value == int(value) else float(value)
