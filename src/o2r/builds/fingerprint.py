"""What decides the outcome of a build: while it is the same, so are the tables."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from o2r.company.stated import stated
from o2r.contracts import load_contracts
from o2r.settings import Settings
from o2r.warehouse.query import Session

PROJECT_SUFFIXES = {".sql", ".yml", ".csv", ".md"}
GENERATED = ("target", "dbt_packages", "logs", "profiles.yml")


def fingerprint(session: Session, arguments: Sequence[str]) -> str:
    """SHA-256 over the project, the company's settings, what dbt is told, the day, and bronze.

    The day (UTC), since rows that are dated ahead count from their day on.
    """
    settings = session.settings
    told = {name: value for name, value in os.environ.items() if name.startswith("DBT_")}
    user = os.environ.get("USER")  # names the schemas of target personal
    days = [str(settings.as_of), f"{datetime.now(UTC):%F}"]
    given = [list(arguments), sorted(told.items()), user, *days]
    code = (*_project_files(settings.dbt_dir), *sorted(settings.scripts_dir.glob("*.sql")))
    tables = sorted(load_contracts(settings.dbt_dir))
    versions = session.query("select * from ops.bronze_versions(%s) order by 1", tables)
    said = sorted(stated(session).items())
    return _sha256(json.dumps([given, said, versions]), settings.project, code)


def logic(settings: Settings) -> str:
    """SHA-256 over what all models stand on: macros, packages, YAML, functions of the database."""
    dbt_dir = settings.dbt_dir
    shared = [path for path in _project_files(dbt_dir) if path.suffix == ".yml"]
    for folder in (dbt_dir / "macros", dbt_dir / "dbt_packages", settings.scripts_dir):
        shared += sorted(folder.rglob("*.sql"))
    return _sha256(version("dbt-core"), settings.project, shared)


def _sha256(text: str, project: Path, files: Iterable[Path]) -> str:
    """Of a text, and of these files with their places in the project."""
    digest = hashlib.sha256(text.encode())
    for path in files:
        digest.update(path.relative_to(project).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _project_files(dbt_dir: Path) -> Iterator[Path]:
    """The files that decide what a build gives, in a fixed order."""
    for path in sorted(dbt_dir.rglob("*")):
        if path.suffix in PROJECT_SUFFIXES and path.relative_to(dbt_dir).parts[0] not in GENERATED:
            yield path
