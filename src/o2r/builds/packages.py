"""Install the packages of `dbt/packages.yml`: from the package hub, else from the stand-ins.

dbt only compares how many packages `package-lock.yml` (without it: `packages.yml`) names with how
many folders `dbt_packages/` has, so folders and lock file always change together here.
"""

import fcntl
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from o2r.yaml_files import read_yaml

HUB = "https://hub.getdbt.com/"
HUB_ANSWER_SECONDS = 3
HUB_INSTALL_SECONDS = 180
PACKAGES, LOCK_FILE, STAND_INS = "dbt_packages", "package-lock.yml", "offline_packages"


def install_packages(project_dir: Path) -> str:
    """Make `project_dir/dbt_packages` complete and say in one line where it came from.

    Safe to repeat and to run twice at once: what is up to date is left untouched, and anything
    else is prepared aside and moved in as a whole.
    """
    with _one_at_a_time(project_dir):
        if _hub_packages_current(project_dir):
            return "dbt packages: the hub's, already installed"
        problem = "the package hub is out of reach"
        if _hub_answers():
            problem = _install_from_hub(project_dir)
        if problem is None:
            return "dbt packages: installed from the package hub"
        if _stand_ins_current(project_dir):
            return f"dbt packages: {problem}; offline stand-ins, already installed"
        _install_stand_ins(project_dir)
        return f"dbt packages: {problem}; installed the offline stand-ins of {STAND_INS}/"


@contextmanager
def _one_at_a_time(project_dir: Path) -> Iterator[None]:
    """Hold an exclusive lock on the project folder itself, which leaves no file behind."""
    folder = os.open(project_dir, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _hub_packages_current(project_dir: Path) -> bool:
    """Whether a hub install, newer than `packages.yml`, is there with every folder it names."""
    lock = project_dir / LOCK_FILE
    if not lock.is_file() or lock.stat().st_mtime < (project_dir / "packages.yml").stat().st_mtime:
        return False
    entries = (read_yaml(lock) or {}).get("packages", [])
    return bool(entries) and {entry.get("name") for entry in entries} == _folders(
        project_dir / PACKAGES
    )


def _stand_ins_current(project_dir: Path) -> bool:
    if (project_dir / LOCK_FILE).exists():
        return False
    source, installed = project_dir / STAND_INS, project_dir / PACKAGES
    return _folders(source) == _folders(installed) and all(
        _same_tree(source / name, installed / name) for name in _folders(source)
    )


def _folders(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir() if entry.is_dir()} if path.is_dir() else set()


def _same_tree(one: Path, other: Path) -> bool:
    files = {path.relative_to(one) for path in one.rglob("*") if path.is_file()}
    if files != {path.relative_to(other) for path in other.rglob("*") if path.is_file()}:
        return False
    return all(filecmp.cmp(one / name, other / name, shallow=False) for name in files)


def _hub_answers() -> bool:
    """Ask the hub for one page. In a thread, as looking up its name can outlast any time-out."""
    import requests  # here, not above: it takes its time, and not every command needs it

    hub = os.environ.get("DBT_PACKAGE_HUB_URL") or HUB  # as dbt does, which takes a second to load
    answers = []

    def ask() -> None:
        try:
            page = requests.head(hub, timeout=HUB_ANSWER_SECONDS)
        except requests.RequestException:
            return
        answers.append(page.status_code < 500)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(HUB_ANSWER_SECONDS)
    return bool(answers and answers[0])


def _install_from_hub(project_dir: Path) -> str | None:
    """Run `dbt deps` aside and move its result in; return what went wrong, if anything did."""
    with _scratch(project_dir) as scratch:
        for name in ("dbt_project.yml", "packages.yml"):
            shutil.copy(project_dir / name, scratch / name)
        command = [sys.executable, "-m", "dbt.cli.main", "deps", "--project-dir", str(scratch)]
        try:
            done = subprocess.run(
                command,
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=HUB_INSTALL_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return f"the package hub took more than {HUB_INSTALL_SECONDS} s"
        if done.returncode != 0 or not (scratch / LOCK_FILE).is_file():
            return "dbt deps could not fetch from the package hub"
        _move_in(scratch, project_dir)
        (scratch / LOCK_FILE).replace(project_dir / LOCK_FILE)
    return None


def _install_stand_ins(project_dir: Path) -> None:
    with _scratch(project_dir) as scratch:
        for name in _folders(project_dir / STAND_INS):
            shutil.copytree(project_dir / STAND_INS / name, scratch / PACKAGES / name)
        _move_in(scratch, project_dir)


def _move_in(scratch: Path, project_dir: Path) -> None:
    """Put the finished package folder in place of the old one, whose lock file goes with it."""
    (project_dir / LOCK_FILE).unlink(missing_ok=True)
    if (project_dir / PACKAGES).exists():
        (project_dir / PACKAGES).rename(scratch / "replaced")
    (scratch / PACKAGES).rename(project_dir / PACKAGES)


@contextmanager
def _scratch(project_dir: Path) -> Iterator[Path]:
    """A folder beside the target, so that moving a result in is a rename."""
    with tempfile.TemporaryDirectory(prefix=".o2r-packages-", dir=project_dir) as folder:
        yield Path(folder)
