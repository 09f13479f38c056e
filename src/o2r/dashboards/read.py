"""Read `metabase/`: what dashboards share, and dashboards, every error with file and place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from o2r.dashboards.definitions import Collection, Column, Dashboard, Definitions, Filter, Part
from o2r.dashboards.metrics import GENERATED, catalogue, expand
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.yaml_files import read_yaml

FOLDER = "metabase"
T = TypeVar("T", bound=Part)


def read_definitions(settings: Settings, currency: str | None = None) -> Definitions:
    """All definitions of the project, cards of metrics written out.

    currency: that of the gold which they are about; None for the default, where there is no gold.
    Raises UserError that names file, place and reason, for the first error of each file.
    """
    folder = settings.project / FOLDER
    metrics = catalogue(settings.dbt_dir)
    if currency is None:
        currency = _load(settings.dbt_dir / "dbt_project.yml")["vars"]["reporting_currency"]
    errors: list[str] = []
    collections = _shared(folder / "collections.yml", Collection, errors)
    known = _Known(
        columns=_shared(folder / "columns.yml", Column, errors),
        filters=_shared(folder / "filters.yml", Filter, errors),
    )
    boards = {}
    for path in sorted((folder / "dashboards").glob("*.yml")):
        try:
            boards[path.stem] = _dashboard(path, metrics, currency, known)
        except (ValueError, TypeError, AttributeError) as error:
            errors.append(f"{path}: {_reason(error)}")
    if not errors:  # a dashboard that cannot be read uses nothing, and is named itself
        idle = known.idle()
        errors = [f"{folder / file}: nothing uses {name}: remove it" for file, name in idle]
    if errors:
        raise UserError("; ".join(errors))
    if not boards:
        raise UserError(f"no dashboards in {folder / 'dashboards'}")
    try:
        return Definitions(collections=collections, dashboards=boards)
    except ValidationError as error:
        raise UserError(f"{folder}: {_reason(error)}") from None


class _Known:
    """Columns and filters that dashboards share: a name stands for what columns.yml says of it."""

    def __init__(self, columns: dict[str, Part], filters: dict[str, Part]) -> None:
        self._shared = {"columns.yml": columns, "filters.yml": filters}
        self._used: set[tuple[str, str]] = set()

    def filters(self, given: dict[str, Any]) -> dict[str, Any]:
        """The filters of a dashboard; an empty one is a shared one, or made (GENERATED)."""
        return {
            key: value or GENERATED.get(key) or self._one("filters.yml", key)
            for key, value in given.items()
        }

    def columns(self, given: Any) -> Any:
        """The columns of a card: of a list, names are shared ones, mappings its own."""
        if not isinstance(given, list):
            return given
        found: dict[str, Any] = {}
        for one in given:
            found |= one if isinstance(one, dict) else {one: self._one("columns.yml", one)}
        return found

    def _one(self, file: str, name: str) -> dict[str, Any]:
        if name not in self._shared[file]:
            raise ValueError(f"{name} is not in metabase/{file}: say here what it is, or add it")
        self._used.add((file, name))
        return self._shared[file][name].model_dump(exclude_unset=True)

    def idle(self) -> list[tuple[str, str]]:
        """File and name of what no dashboard uses."""
        there = {(file, name) for file, names in self._shared.items() for name in names}
        return sorted(there - self._used)


def _shared(path: Path, kind: type[T], errors: list[str]) -> dict[str, T]:
    """Entries of a file by key; none where there is no such file, or it is wrong."""
    if not path.exists():
        return {}
    try:
        return {key: kind(**value) for key, value in _load(path).items()}
    except (ValueError, TypeError, AttributeError) as error:
        errors.append(f"{path}: {_reason(error)}")
        return {}


def _dashboard(
    path: Path, metrics: dict[str, dict[str, str]], currency: str, known: _Known
) -> Dashboard:
    found = _load(path)
    filters = known.filters(found.get("filters") or {})
    items = []
    for number, item in enumerate(found.get("items") or [], start=1):
        try:
            if "columns" in item:
                item = item | {"columns": known.columns(item["columns"])}
            items.append(expand(item, metrics, currency, filters))
        except ValueError as error:
            raise ValueError(f"item {number}: {error}") from None
    return Dashboard(**found | {"key": path.stem, "filters": filters, "items": items})


def _load(path: Path) -> dict[str, Any]:
    """Raises ValueError when the file is not a mapping."""
    try:
        found = read_yaml(path)
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(" ".join(str(error).split())) from None
    if not isinstance(found, dict):
        raise ValueError("must be a mapping of keys to values")
    return found


def _reason(error: Exception) -> str:
    """The first error, with its place."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    place, message = list(first["loc"]), first["msg"].removeprefix("Value error, ")
    if len(place) > 1 and place[0] == "items":
        place[:3] = [f"item {place[1] + 1}"]  # without the kind of item
    where = ".".join(str(part) for part in place)
    return f"{where}: {message}" if where else message
