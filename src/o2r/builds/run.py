"""Run dbt, and MetricFlow on what it built: the one way of CLI, DAGs and tests."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO

from o2r.builds.fingerprint import fingerprint, logic
from o2r.builds.ledger import BUILD_VARIABLE, last_build, no_longer_current, recorded
from o2r.builds.manifests import (
    FILE,
    RESULTS,
    left_out_of,
    load,
    provenance,
    relations,
    save_manifest,
    save_parsed_manifest,
)
from o2r.builds.packages import install_packages
from o2r.builds.reconcile import reconcile, start
from o2r.builds.row_counts import count_rows
from o2r.company.stated import stated
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse import connect, locks
from o2r.warehouse import environment as connection_of
from o2r.warehouse.query import Session

TARGETS = ("personal", "dev", "ci", "prod")
WRITING = {"build", "clone", "retry", "run", "run-operation", "seed", "snapshot"}
"""dbt commands that may change a table."""
WITHOUT_SQL = {"clean", "debug", "deps", "init", "list", "ls", "parse"}
"""dbt commands that need no warehouse, and no setting of a company."""
SHADOW = "_shadow"
"""What follows the name of the gold schema while `o2r publish` builds and tests it."""
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
"""Unit tests judge the code, not the data: they run in CI and in `make test`."""
RARELY = "import gc; gc.set_threshold(100_000, 20, 100); "
"""Python looks for garbage among all of dbt's nodes, by default so often that it takes a fifth."""
DBT = RARELY + "from dbt.cli.main import cli; cli(prog_name='dbt')"
PROGRESS = RARELY + "from o2r.builds.progress import main; main()"


def dbt(
    settings: Settings,
    arguments: Sequence[str],
    target: str = "prod",
    *,
    prefix: str | None = None,
    output: IO[str] | None = None,
) -> int:
    """Run one dbt command against the warehouse and return its exit code.

    prefix: what target ci puts in front of its schemas, instead of dbt_ci; the caller sees to it
        that no other run has the same.
    output: file that takes what dbt prints, instead of the terminal.
    Compiled files and logs go to `work_dir`, so that builds of several warehouses and the `target/`
    of someone at work in the project never meet.
    Whatever may change a table waits for others on the same target, and takes the mark of being up
    to date from it first, so that a failed, killed or partial run never passes for a complete one.
    Raises UserError for an unknown target, a folder that cannot be written, or no `o2r setup`.
    """
    check_target(target)
    with Session(settings) as session:
        if prefix or not WRITING & set(arguments):
            return run_dbt(session, arguments, target, prefix=prefix, output=output)
        with target_lock(settings, target, "dbt") as lock:
            return run_dbt(session, arguments, target, output=output, lock=lock)


def work_dir(settings: Settings, name: str) -> Path:
    """Folder of compiled files and logs; name: the target, or the prefix of a CI run."""
    return settings.home / "dbt" / f"{settings.database}_{name}"


def build(
    settings: Settings,
    target: str = "prod",
    arguments: Sequence[str] = (),
    *,
    quiet: bool = False,
    progress: bool = False,
    only_if_changed: bool = False,
    manifest_dir: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> bool:
    """Build seeds, silver and gold, test the rows; return False when there was nothing to do.

    arguments: further arguments of `dbt build`, such as `--select` or `--vars`.
    quiet: print nothing but errors. progress: say on stderr how far it is.
    only_if_changed: do nothing when the last build of this target with these arguments succeeded on
        the same day from the same bronze and project, and its tables are there.
    manifest_dir: after a complete build of prod, put its manifest there for `o2r ci`.
    say: is told what was looked at when there is nothing to do.
    Builds of one target wait for each other.
    Raises UserError when a model or a test fails; what failed has been printed by then. So it does
    when all was built and bronze, silver and gold do not add up to the same.
    """
    check_target(target, manifest_dir)
    with target_lock(settings, target, "build") as lock, Session(settings) as session:
        state = fingerprint(session, arguments)
        if (
            only_if_changed
            and not {"--full-refresh", "-f"} & set(arguments)
            and manifest_dir is None
            and (last := last_build(session, target, state))
        ):
            say(
                f"nothing new since build {last.build_id} of {last.finished_at:%Y-%m-%d %H:%M} "
                "UTC: the dbt project, its settings and all rows of bronze are the same, "
                f"{last.tables} tables are there (--always builds anyway)"
            )
            return False
        origin = provenance(settings.dbt_dir)
        command = [*(["--quiet"] if quiet else []), "build", *WITHOUT_UNIT_TESTS, *arguments]
        since = start(session)
        built = work_dir(settings, target) / "target"
        with recorded(session, target, "build", arguments, state, built / RESULTS) as build_id:
            code = run_dbt(
                session,
                command,
                target,
                lock=lock,
                build_id=build_id,
                progress=progress,
                keep=only_if_changed,
            )
            if code != 0:
                raise UserError(
                    f"dbt build of target {target} failed: "
                    "correct what is printed above, then run it again"
                )
            manifest = load(built / FILE)
            if not left_out_of(load(built / RESULTS), relations(manifest)):
                reconcile(session, build_id, target, manifest, since)
                count_rows(session, build_id, manifest)
        if manifest_dir:
            save_manifest(built, manifest_dir, origin)
        return True


def parse_manifest(settings: Settings, folder: Path) -> None:
    """Put the manifest of the project as it is, for target prod, into `folder`; nothing is built.

    Raises UserError when the project cannot be parsed, or is not exactly a commit.
    """
    origin = provenance(settings.dbt_dir)
    if dbt(settings, ["--quiet", "parse"]) != 0:
        raise UserError("the dbt project cannot be parsed: correct what is printed above")
    save_parsed_manifest(work_dir(settings, "prod") / "target", folder, origin)


@contextmanager
def target_lock(settings: Settings, name: str, kind: str = "at") -> Iterator[int]:
    """Hold the lock of a target, or of the prefix of a CI run; gives the lock for `run_dbt`.

    kind: what it is for, as others are told who wait; `o2r setup` waits for it, too.
    It goes with the last process that has the connection open: a killed build leaves none, and a
    dbt that outlives the process that started it keeps others waiting until it has ended, too.
    """
    connection = connect(settings, autocommit=True)
    try:
        with connection.cursor() as cursor:
            locks.name_session(cursor, f"{kind} {name}")
            locks.acquire(cursor, locks.SETUP, shared=True)
            locks.acquire(cursor, locks.BUILD, name)
        yield connection.fileno()
    finally:
        connection.close()


def check_target(target: str, manifest_dir: Path | None = None) -> None:
    """Raise UserError for an unknown target, or one whose manifest is not for saving."""
    if target not in TARGETS:
        raise UserError(f"unknown target '{target}': choose from {', '.join(TARGETS)}")
    if manifest_dir and target != "prod":
        raise UserError(f"only target prod has a manifest to save, not {target}")


def run_dbt(
    session: Session,
    arguments: Sequence[str],
    target: str,
    *,
    prefix: str | None = None,
    output: IO[str] | None = None,
    shadow: bool = False,
    lock: int | None = None,
    build_id: int | None = None,
    progress: bool = False,
    keep: bool = False,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Run dbt as a process of its own, without waiting for others; see `dbt`.

    shadow: marts go to the shadow of the gold schema.
    lock: what `target_lock` gave, for dbt to hold on to.
    build_id: number in ops.builds, for dbt to keep in its results.
    progress: say on stderr how far it is, see o2r.builds.progress.
    keep: leave a table whose inputs are the same, and a test that has passed on these rows.
    variables: further ones of dbt's environment.
    """
    settings = session.settings
    install_packages(settings.dbt_dir)
    environment = {
        **os.environ,
        **prepare(settings, target, prefix, shadow=shadow, keep=keep),
        "O2R_COMPANY_SETTINGS": _stated(session, arguments),
        **variables,
    }
    if WRITING & set(arguments) and not prefix:
        no_longer_current(session, target)
    session.close()  # dbt is at work for long, with connections of its own
    if build_id is not None:
        environment[f"DBT_ENV_CUSTOM_ENV_{BUILD_VARIABLE}"] = str(build_id)
    command = [
        sys.executable,
        "-c",
        PROGRESS if progress else DBT,
        *arguments,
    ]
    return subprocess.run(
        command,
        cwd=settings.dbt_dir,
        env=environment,
        stdout=output,
        check=False,
        pass_fds=() if lock is None else (lock,),
    ).returncode


def prepare(
    settings: Settings,
    target: str,
    prefix: str | None = None,
    *,
    shadow: bool = False,
    keep: bool = False,
) -> dict[str, str]:
    """Make the work folder of dbt, and return the variables of its environment."""
    suffix = SHADOW if shadow else ""
    work = work_dir(settings, prefix or target + suffix)
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot write to {work} ({error.strerror}): set O2R_HOME to another folder"
        ) from None
    return connection_of(settings) | {
        "DBT_TARGET": target,
        "DBT_TARGET_PATH": str(work / "target"),
        "DBT_LOG_PATH": str(work / "logs"),
        "DBT_PROJECT_DIR": str(settings.dbt_dir),
        "DBT_PROFILES_DIR": str(settings.dbt_dir / "profiles"),
        "O2R_MACROS": _macros(settings.dbt_dir),
        "O2R_LOGIC": "" if prefix else logic(settings),  # a pull request notes nothing
        "O2R_KEEP": "yes" if keep else "no",
        "O2R_GOLD_SUFFIX": suffix,
        "O2R_AS_OF": str(settings.as_of or ""),
        **({"DBT_CI_SCHEMA": prefix} if prefix else {}),
    }


def _stated(session: Session, arguments: Sequence[str]) -> str:
    """What the company states, as JSON, for a command that makes SQL of it; else nothing."""
    return "" if WITHOUT_SQL & set(arguments) else json.dumps(stated(session))


def _macros(dbt_dir: Path) -> str:
    """SHA-256 over the macros: part of the logic that incremental models were built with."""
    digest = hashlib.sha256()
    for path in sorted((dbt_dir / "macros").rglob("*.sql")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
