"""Metabase's own JSON schemas of request bodies, read from its command-line tool at test time.

The tool is fetched by npm in a pinned version into a folder of the cache (nothing of it is in this
project) and asked once: `mb <command> --help --json` prints the schema of what it would send.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

ROOT = Path(__file__).resolve().parents[3]
CLI, REPRESENTATIONS = "0.3.1", "1.2.0"
PACKAGES = (f"@metabase/cli@{CLI}", f"@metabase/representations@{REPRESENTATIONS}")
CACHE = ROOT / ".o2r" / "tools" / f"metabase-cli-{CLI}-{REPRESENTATIONS}.json"
COMMANDS = {
    ("POST", "card"): "card create",
    ("PUT", "card"): "card update",
    ("POST", "dashboard"): "dashboard create",
    ("PUT", "dashboard"): "dashboard update",
    ("POST", "collection"): "collection create",
    ("POST", "setup"): "setup",
    ("PUT", "field"): "field update",
    ("PUT", "table"): "table update",
}
QUERY = ("QUERY", "")
DISPLAYS = ("DISPLAYS", "")
SECONDS = 30
"""For npm, and for each answer of the tool: the network is tried once and shortly."""
REMEMBERED = 86400
"""Seconds for which a try in vain is not repeated."""

Validate = Callable[[str, str, dict[str, Any]], str | None]


class UnavailableError(Exception):
    """Why there are no schemas."""


@cache
def validator() -> Validate:
    """Say what is wrong with the body of a request, None if nothing is.

    Raises UnavailableError where npm cannot fetch the tool.
    """
    schemas = _schemas()
    checks = {key: Draft202012Validator(schema) for key, schema in schemas.items() if key[1]}
    files = {**schemas[QUERY]["defs"], "query.yaml": schemas[QUERY]["schema"]}
    registry = Registry().with_resources(
        (name, DRAFT202012.create_resource(schema)) for name, schema in files.items()
    )
    queries = Draft202012Validator(schemas[QUERY]["schema"], registry=registry)

    def validate(method: str, path: str, body: dict[str, Any]) -> str | None:
        if path == "dataset":
            return _first(queries, {k: v for k, v in body.items() if k != "parameters"})
        key = (method, path.split("/")[0])
        if key not in checks or path.endswith(("query", "sync_schema")):
            return None
        if problem := _first(checks[key], body):
            return problem
        if "dataset_query" in body and (problem := _first(queries, body["dataset_query"])):
            return problem
        if "display" in body and body["display"] not in schemas[DISPLAYS]["enum"]:
            return f"no display {body['display']}"
        return None

    return validate


def _first(check: Draft202012Validator, body: dict[str, Any]) -> str | None:
    error = next(check.iter_errors(body), None)
    return f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}" if error else None


def _schemas() -> dict[tuple[str, str], Any]:
    if not CACHE.is_file():
        _try_once()
    found = json.loads(CACHE.read_text(encoding="utf-8"))
    return {tuple(key.split(" ", 1)): schema for key, schema in found.items()}


def _try_once() -> None:
    """Fetch, or say why not; a failure is kept beside the cache, so that no other test waits."""
    failed = CACHE.with_suffix(".failed")
    if failed.is_file() and time.time() - failed.stat().st_mtime < REMEMBERED:
        raise UnavailableError(
            f"{failed.read_text(encoding='utf-8')} (remove {failed} to try again)"
        )
    try:
        _fetch()
    except (UnavailableError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        reason = str(error)
        if isinstance(error, subprocess.TimeoutExpired):
            reason = f"npm did not fetch {' and '.join(PACKAGES)} within {SECONDS} s"
        failed.parent.mkdir(parents=True, exist_ok=True)
        failed.write_text(reason, encoding="utf-8")
        raise UnavailableError(reason) from None


def _fetch() -> None:
    """Ask the tool for all schemas and keep its answers."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not (npm and node):
        raise UnavailableError("Metabase's JSON schemas come from npm, which is not installed")
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE.parent) as folder:
        command = [npm, "install", "--prefix", folder, "--ignore-scripts", "--no-audit"]
        command += ["--fetch-retries=0", f"--fetch-timeout={1000 * SECONDS}", *PACKAGES]
        # no pipe: children of a killed npm would keep it open, and us waiting for its end
        nothing = subprocess.DEVNULL
        done = subprocess.run(
            command, stdin=nothing, stdout=nothing, stderr=nothing, timeout=SECONDS
        )
        if done.returncode:
            raise UnavailableError(f"npm cannot fetch {' and '.join(PACKAGES)}")
        packages = Path(folder) / "node_modules" / "@metabase"
        tool = [node, str(packages / "cli" / "dist" / "cli.mjs")]
        found = {
            " ".join(key): _ask(tool, *words.split(), "--help", "--json")["inputSchema"]
            for key, words in COMMANDS.items()
        }
        found[" ".join(QUERY)] = _ask(tool, "query", "--print-schema")
        card = packages / "representations" / "core-spec" / "v1" / "schemas" / "card.yaml"
        shown = yaml.safe_load(card.read_text(encoding="utf-8"))["properties"]["display"]
        found[" ".join(DISPLAYS)] = {"enum": shown["enum"]}
        aside = Path(folder) / "schemas.json"
        aside.write_text(json.dumps(found), encoding="utf-8")
        aside.replace(CACHE)


def _ask(tool: list[str], *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [*tool, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
        env={**os.environ, "NO_COLOR": "1"},
    )
    return json.loads(done.stdout)
