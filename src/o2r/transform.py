"""Run dbt on the warehouse: the one way in which CLI, DAGs and tests build silver and gold."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from psycopg2.errors import UndefinedTable

from o2r.errors import UserError
from o2r.packages import install_packages
from o2r.settings import Settings
from o2r.warehouse import connect, environment

TARGETS = ("personal", "dev", "ci", "prod")
PROJECT_SUFFIXES = {".sql", ".yml", ".csv", ".md"}
GENERATED = ("target", "dbt_packages", "logs")
WRITING = {"build", "clone", "retry", "run", "run-operation", "seed", "snapshot"}
"""dbt commands that may change a table."""


def dbt(settings: Settings, arguments: Sequence[str], target: str = "prod") -> int:
    """Run one dbt command against the warehouse and return its exit code.

    Compiled files and logs go to `<home>/dbt/<target>`, so that builds of several warehouses and
    the `target/` of someone at work in the project never meet.
    Whatever may change a table takes the mark of being up to date from the target first, so that a
    failed, killed or partial run never passes for a complete one.
    Raises UserError for an unknown target, a folder that cannot be written, or no `o2r setup`.
    """
    if target not in TARGETS:
        raise UserError(f"unknown target '{target}': choose from {', '.join(TARGETS)}")
    install_packages(settings.dbt_dir)
    work = settings.home / "dbt" / f"{settings.database}_{target}"
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot write to {work} ({error.strerror}): set O2R_HOME to another folder"
        ) from None
    variables = os.environ | environment(settings)
    variables |= {
        "DBT_TARGET": target,
        "DBT_TARGET_PATH": str(work / "target"),
        "DBT_LOG_PATH": str(work / "logs"),
        "DBT_PROJECT_DIR": str(settings.dbt_dir),
        "DBT_PROFILES_DIR": str(settings.dbt_dir),
        "O2R_MACROS": _macros(settings.dbt_dir),
    }
    command = [
        sys.executable,
        "-c",
        "from dbt.cli.main import cli; cli(prog_name='dbt')",
        *arguments,
    ]
    if WRITING & set(arguments):
        _query(settings, "update ops.builds set is_current = false where target = %s", target)
    return subprocess.run(command, cwd=settings.dbt_dir, env=variables, check=False).returncode


def build(
    settings: Settings,
    target: str = "prod",
    arguments: Sequence[str] = (),
    *,
    quiet: bool = False,
    only_if_changed: bool = False,
) -> bool:
    """Build and test seeds, silver and gold; return False when there was nothing to do.

    arguments: further arguments of `dbt build`, such as `--select` or `--vars`.
    quiet: print nothing but errors.
    only_if_changed: do nothing when the last complete build of this target succeeded on the same
        batches with the same project; bronze rows without a batch are not seen by this check.
    Builds of one target wait for each other.
    Raises UserError when a model or a test fails; what failed has been printed by then.
    """
    with _alone(settings, target):
        fingerprint = _fingerprint(settings, arguments)
        if only_if_changed and fingerprint == _last_fingerprint(settings, target):
            return False
        code = dbt(settings, [*(["--quiet"] if quiet else []), "build", *arguments], target)
        if code != 0:
            raise UserError(
                f"dbt build of target {target} failed: "
                "correct what is printed above, then run it again"
            )
        _record(settings, target, fingerprint)
        return True


@contextmanager
def _alone(settings: Settings, target: str) -> Iterator[None]:
    """Hold the lock of a target; it goes with the connection, so a killed build leaves none."""
    connection = connect(settings, autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select pg_advisory_lock(hashtext('o2r build'), hashtext(%s))", (target,)
            )
        yield
    finally:
        connection.close()


def _fingerprint(settings: Settings, arguments: Sequence[str]) -> str:
    """SHA-256 over the dbt project, the arguments and the batches in the ledger."""
    digest = hashlib.sha256(json.dumps(list(arguments)).encode())
    for path in _project_files(settings.dbt_dir):
        digest.update(path.relative_to(settings.dbt_dir).as_posix().encode())
        digest.update(path.read_bytes())
    batches = _query(settings, "select batch_id, checksum from ops.load_batches order by batch_id")
    digest.update(json.dumps(batches).encode())
    return digest.hexdigest()


def _macros(dbt_dir: Path) -> str:
    """SHA-256 over the macros: part of the logic that incremental models were built with."""
    digest = hashlib.sha256()
    for path in sorted((dbt_dir / "macros").glob("*.sql")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _project_files(dbt_dir: Path) -> Iterator[Path]:
    """The files that decide what a build gives, in a fixed order."""
    for path in sorted(dbt_dir.rglob("*")):
        if path.suffix in PROJECT_SUFFIXES and path.relative_to(dbt_dir).parts[0] not in GENERATED:
            yield path


def _last_fingerprint(settings: Settings, target: str) -> str | None:
    """Fingerprint of the build that the target still shows unchanged, None when there is none."""
    rows = _query(
        settings,
        "select fingerprint from ops.builds where target = %s and is_current "
        "order by build_id desc limit 1",
        target,
    )
    return rows[0][0] if rows else None


def _record(settings: Settings, target: str, fingerprint: str) -> None:
    """Note a successful build in ops.builds."""
    _query(
        settings,
        "insert into ops.builds (target, fingerprint) values (%s, %s)",
        target,
        fingerprint,
    )


def _query(settings: Settings, statement: str, *parameters: str) -> list[tuple]:
    """Run one statement on the tables of ops; UserError when they are not there."""
    connection = connect(settings, autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []
    except UndefinedTable:
        raise UserError(f"database {settings.database} is not set up: run `o2r setup`") from None
    finally:
        connection.close()
