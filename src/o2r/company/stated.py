"""Settings in `ops.company_settings`: what is in force in one database, and how it gets there."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from o2r.company.rules import CompanySettings
from o2r.contracts import load_contracts
from o2r.errors import UserError, nearest
from o2r.settings import Settings
from o2r.warehouse import locks
from o2r.warehouse.query import Session
from o2r.yaml_files import read_yaml

CONFIG = "o2r config"
"""Kind of lock: one statement after the other, so that what is checked is what is in force."""


class Setting(NamedTuple):
    """One setting as it is in force; stated_* are None where the default is."""

    name: str
    value: Any
    unit: str
    words: str
    stated_at: datetime | None = None
    stated_by: str | None = None
    stated_in: str | None = None


def in_force(session: Session) -> list[Setting]:
    """Every setting of the company of this database, in the order of their declaration."""
    rows = session.query("select name, value, stated_at, stated_by, stated_in "
                         "from ops.settings_in_force")  # fmt: skip
    found = {name: (value, *more) for name, value, *more in rows}
    sound = checked(session.settings, {name: value for name, (value, *_) in found.items()})
    given = defaults(session.settings)
    return [
        Setting(name, sound[name], unit(name), field.description, *found[name][1:])
        if name in found
        else Setting(name, given[name], unit(name), field.description)
        for name, field in CompanySettings.model_fields.items()
    ]


def stated(session: Session) -> dict[str, Any]:
    """Value by name of what the company states. Raises UserError where a value is not sound.

    Whoever may write the table may write anything into it.
    """
    rows = session.query("select name, value from ops.settings_in_force order by name")
    return checked(session.settings, dict(rows))


def state(session: Session, changes: Mapping[str, Any], where: str = "o2r config") -> list[str]:
    """Put settings in force, None for the default again; return the names that have changed.

    where: what `stated_in` says. All of them, or on a UserError none. What an older version or
    another hand has left that is not sound can be taken back, one after the other.
    """
    with session.transaction() as cursor:
        locks.acquire(cursor, CONFIG, until_commit=True)
        cursor.execute("select name, value from ops.settings_in_force")
        now = dict(cursor.fetchall())
        if unknown := sorted(set(changes) - set(CompanySettings.model_fields) - set(now)):
            raise UserError("; ".join(map(_unknown, unknown)))
        wanted = {name: value for name, value in changes.items() if value is not None}
        kept = {name: value for name, value in now.items() if name not in changes}
        try:
            sound = checked(session.settings, kept | wanted)
        except UserError:
            if wanted or _is_sound(session.settings, now):
                raise
            sound = kept
        changed = [name for name in changes if sound.get(name) != now.get(name)]
        cursor.executemany(
            "insert into ops.company_settings (name, value, stated_in) values (%s, %s, %s)",
            [(name, json.dumps(sound[name]) if name in sound else None, where) for name in changed],
        )
    return changed


def checked(settings: Settings, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, as it is kept: plain values of JSON. Raises UserError with all its faults."""
    if not given:
        return {}
    context = {
        "currencies": currencies(settings),
        "tables": sorted(load_contracts(settings.dbt_dir)),
    }
    try:
        found = CompanySettings.model_validate(defaults(settings) | dict(given), context=context)
    except ValidationError as error:
        raise UserError("; ".join(_line(one) for one in error.errors(include_url=False))) from None
    values = found.model_dump(mode="json")
    return {name: values[name] for name in given}


def _is_sound(settings: Settings, given: Mapping[str, Any]) -> bool:
    try:
        checked(settings, given)
    except UserError:
        return False
    return True


def defaults(settings: Settings) -> dict[str, Any]:
    """The values of `dbt_project.yml`, in force where nothing is stated."""
    variables = read_yaml(settings.dbt_dir / "dbt_project.yml")["vars"]
    return {name: variables[name] for name in CompanySettings.model_fields}


def currencies(settings: Settings) -> list[str]:
    """Currencies that have a rate of exchange."""
    path = settings.dbt_dir / "seeds" / "exchange_rates.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        return sorted({row["currency_code"].strip().upper() for row in csv.DictReader(lines)})


def unit(name: str) -> str:
    """Unit of a setting, in words."""
    return CompanySettings.model_fields[name].json_schema_extra["unit"]


def _unknown(name: str) -> str:
    return f"no setting {name}{nearest(name, CompanySettings.model_fields)}"


def _line(error: dict[str, Any]) -> str:
    """One fault: the setting, what is wrong, what was given."""
    place = [str(part) for part in error["loc"] if part not in ("int", "float")]
    if error["type"] == "extra_forbidden" and len(place) == 1:
        return _unknown(place[0])
    message = error["msg"].removeprefix("Value error, ")
    if not place:
        return message
    message = message[0].lower() + message[1:] if not message.startswith("UTC") else message
    given = "" if error["type"] == "missing" else f", not {error['input']!r}"
    return f"{'.'.join(place)}: {message}{given}"
