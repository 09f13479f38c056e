"""What decides the outcome of a build: while it is the same, so are the tables."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from o2r.contracts import load_contracts
from o2r.warehouse.query import Session

PROJECT_SUFFIXES = {".sql", ".yml", ".csv", ".md"}
GENERATED = ("target", "dbt_packages", "logs", "profiles.yml")


def fingerprint(session: Session, arguments: Sequence[str]) -> str:
    """SHA-256 over the dbt project, what dbt is told, the day, and what has happened to bronze.

    The day (UTC), since rows that are dated ahead count from their day on.
    """
    dbt_dir = session.settings.dbt_dir
    told = {name: value for name, value in os.environ.items() if name.startswith("DBT_")}
    user = os.environ.get("USER")  # names the schemas of target personal
    days = [str(session.settings.as_of), f"{datetime.now(UTC):%F}"]
    given = [list(arguments), sorted(told.items()), user, *days]
    digest = hashlib.sha256(json.dumps(given).encode())
    for path in _project_files(dbt_dir):
        digest.update(path.relative_to(dbt_dir).as_posix().encode())
        digest.update(path.read_bytes())
    tables = sorted(load_contracts(dbt_dir))
    versions = session.query("select * from ops.bronze_versions(%s) order by 1", tables)
    digest.update(json.dumps(versions).encode())
    return digest.hexdigest()


def logic(dbt_dir: Path) -> str:
    """SHA-256 over what decides what all models hold: settings, macros, packages, all YAML."""
    digest = hashlib.sha256(version("dbt-core").encode())
    packages = sorted((dbt_dir / "dbt_packages").rglob("*.sql"))
    for path in (*_project_files(dbt_dir), *packages):
        if path.suffix == ".yml" or not {"macros", "dbt_packages"}.isdisjoint(path.parts):
            digest.update(path.relative_to(dbt_dir).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _project_files(dbt_dir: Path) -> Iterator[Path]:
    """The files that decide what a build gives, in a fixed order."""
    for path in sorted(dbt_dir.rglob("*")):
        if path.suffix in PROJECT_SUFFIXES and path.relative_to(dbt_dir).parts[0] not in GENERATED:
            yield path
