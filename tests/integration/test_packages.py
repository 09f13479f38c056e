"""Packages of the dbt project: the hub's first, else stand-ins, which fit the project."""

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from o2r.builds.packages import install_packages

DBT_DIR = Path(__file__).parents[2] / "dbt"
STAND_INS = DBT_DIR / "offline_packages"
NOT_OURS = {"dbt_packages", "offline_packages", "target", "logs"}
CALL = re.compile(r"\b(dbt_utils)\.(\w+)")
DEFINITION = re.compile(r"\{%-?\s*(?:test|macro)\s+(\w+)\s*\(")


def test_stand_ins_are_what_the_project_uses() -> None:
    used: dict[str, set[str]] = {
        folder.name: set() for folder in STAND_INS.iterdir() if folder.is_dir()
    }
    for path in DBT_DIR.rglob("*"):
        if path.suffix in {".sql", ".yml"} and path.relative_to(DBT_DIR).parts[0] not in NOT_OURS:
            for package, name in CALL.findall(path.read_text()):
                used[package].add(name)
    written = {
        package: {
            name
            for path in (STAND_INS / package).rglob("*.sql")
            for name in DEFINITION.findall(path.read_text())
        }
        for package in used
    }
    assert written == used


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dbt project of packages only, in a path with a space, with no hub to be had."""
    folder = tmp_path / "a project" / "dbt"
    shutil.copytree(STAND_INS, folder / "offline_packages")
    shutil.copy(DBT_DIR / "packages.yml", folder)
    (folder / "dbt_project.yml").write_text("name: o2r\nversion: '1.0.0'\nprofile: o2r\n")
    use_hub(monkeypatch, "http://127.0.0.1:9/")
    return folder


def use_hub(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Point both this process and the dbt that it starts to a hub."""
    monkeypatch.setenv("DBT_PACKAGE_HUB_URL", url)


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def packages_only(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in content(folder).items() if name.count(os.sep)}


def test_without_a_hub_the_stand_ins_are_installed(project: Path) -> None:
    (project / "package-lock.yml").write_text("packages: [{name: gone}, {name: b}]\n")
    (project / "dbt_packages" / "gone").mkdir(parents=True)
    message = install_packages(project)
    assert "out of reach" in message
    assert "\n" not in message
    assert content(project / "dbt_packages") == packages_only(STAND_INS)
    assert sorted(path.name for path in project.iterdir()) == [
        "dbt_packages",
        "dbt_project.yml",
        "offline_packages",
        "packages.yml",
    ]


def test_again_touches_nothing(project: Path) -> None:
    install_packages(project)
    before = (project / "dbt_packages").stat().st_ino
    assert "already installed" in install_packages(project)
    assert (project / "dbt_packages").stat().st_ino == before


@pytest.mark.parametrize("harm", ["changed", "missing", "extra"])
def test_half_a_state_is_mended(project: Path, harm: str) -> None:
    install_packages(project)
    victim = project / "dbt_packages" / "dbt_utils" / "dbt_project.yml"
    if harm == "changed":
        victim.write_text("name: dbt_utils\n")
    elif harm == "missing":
        victim.unlink()
    else:
        (project / "dbt_packages" / "dbt_date").mkdir()
    assert "installed" in install_packages(project)
    assert content(project / "dbt_packages") == packages_only(STAND_INS)


def test_eight_at_once_leave_one_whole_state(project: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        messages = list(pool.map(install_packages, [project] * 8))
    assert sum("already" not in message for message in messages) == 1
    assert content(project / "dbt_packages") == packages_only(STAND_INS)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A package hub on loopback that serves this mapping from path to page."""
    pages: dict[str, bytes] = {"/": b"hub"}

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, with_body: bool) -> None:
            page = pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Length", str(len(page or b"")))
            self.end_headers()
            if with_body:
                self.wfile.write(page or b"")

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        use_hub(monkeypatch, url)
        publish(pages, url, "dbt-labs", "dbt_utils", "1.3.3")
        pages["/api/v1/index.json"] = json.dumps(["dbt-labs/dbt_utils"]).encode()
        yield pages
        server.shutdown()
        thread.join()


def publish(pages: dict[str, bytes], url: str, owner: str, name: str, version: str) -> None:
    """Put one release on the hub: a tarball that is told from the stand-in by its version."""
    settings = f"name: {name}\nversion: '{version}'\n".encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        folder = tarfile.TarInfo(f"{name}-{version}/")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        member = tarfile.TarInfo(f"{name}-{version}/dbt_project.yml")
        member.size = len(settings)
        archive.addfile(member, io.BytesIO(settings))
    tarball = buffer.getvalue()
    release = {
        "id": f"{owner}/{name}/{version}",
        "name": name,
        "version": version,
        "packages": [],
        "require_dbt_version": [],
        "downloads": {
            "tarball": f"{url}{name}.tar.gz",
            "format": "tgz",
            "sha1": hashlib.sha1(tarball).hexdigest(),
        },
    }
    page = {"name": name, "namespace": owner, "latest": version, "versions": {version: release}}
    pages[f"/{name}.tar.gz"] = tarball
    pages[f"/api/v1/{owner}/{name}.json"] = json.dumps(page).encode()


def test_the_hub_is_preferred_and_asked_once(
    project: Path, hub: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert install_packages(project) == "dbt packages: installed from the package hub"
    assert b"1.3.3" in content(project / "dbt_packages")["dbt_utils/dbt_project.yml"]
    assert (project / "package-lock.yml").is_file()
    use_hub(monkeypatch, "http://127.0.0.1:9/")
    assert "already installed" in install_packages(project)
    assert (project / "package-lock.yml").is_file()


def test_a_hub_that_breaks_half_way_changes_nothing(project: Path, hub: dict[str, bytes]) -> None:
    install_packages(project)
    before = content(project)
    os.utime(project / "packages.yml")
    hub["/dbt_utils.tar.gz"] = b"not an archive"
    os.utime(project / "package-lock.yml", (0, 0))
    message = install_packages(project)
    assert "could not fetch" in message
    assert content(project / "dbt_packages") == packages_only(STAND_INS)
    assert "package-lock.yml" in before
    assert not (project / "package-lock.yml").exists()
