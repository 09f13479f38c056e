"""Read `metabase/`: collections.yml and dashboards/*.yml, every error with file and place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from o2r.dashboards.definitions import Collection, Dashboard, Definitions
from o2r.dashboards.metrics import GENERATED, catalogue, expand
from o2r.errors import UserError
from o2r.settings import Settings

FOLDER = "metabase"


def read_definitions(settings: Settings) -> Definitions:
    """All definitions of the project, cards of metrics written out.

    Raises UserError that names file, place and reason, for the first error of each file.
    """
    folder = settings.project / FOLDER
    metrics = catalogue(settings.dbt_dir)
    project = _load(settings.dbt_dir / "dbt_project.yml")
    currency = project["vars"]["reporting_currency"]
    errors: list[str] = []
    collections, boards = {}, {}
    try:
        found = _load(folder / "collections.yml")
        collections = {key: Collection(**value) for key, value in found.items()}
    except (ValueError, TypeError, AttributeError) as error:
        errors.append(f"{folder / 'collections.yml'}: {_reason(error)}")
    for path in sorted((folder / "dashboards").glob("*.yml")):
        try:
            boards[path.stem] = _dashboard(path, metrics, currency)
        except (ValueError, TypeError, AttributeError) as error:
            errors.append(f"{path}: {_reason(error)}")
    if errors:
        raise UserError("; ".join(errors))
    if not boards:
        raise UserError(f"no dashboards in {folder / 'dashboards'}")
    try:
        return Definitions(collections=collections, dashboards=boards)
    except ValidationError as error:
        raise UserError(f"{folder}: {_reason(error)}") from None


def _dashboard(path: Path, metrics: dict[str, dict[str, str]], currency: str) -> Dashboard:
    found = _load(path)
    filters = {
        key: GENERATED[key] if key in GENERATED and not value else value
        for key, value in (found.get("filters") or {}).items()
    }
    items = []
    for number, item in enumerate(found.get("items") or [], start=1):
        try:
            items.append(expand(item, metrics, currency, filters))
        except ValueError as error:
            raise ValueError(f"item {number}: {error}") from None
    return Dashboard(**found | {"key": path.stem, "filters": filters, "items": items})


def _load(path: Path) -> dict[str, Any]:
    """Raises ValueError when the file is not a mapping."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
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
