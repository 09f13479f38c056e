"""dbt's manifest of production: saved after a complete build, read again by `o2r ci`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from o2r.errors import UserError
from o2r.yaml_files import read_yaml

FILE = "manifest.json"
RESULTS = "run_results.json"
BUILT = ("model", "seed", "snapshot")
"""Resource types that are relations in the warehouse."""

Manifest = dict[str, Any]


def provenance(dbt_dir: Path) -> dict[str, str]:
    """What a manifest does not say of its project: the commit and the text of dbt_project.yml.

    The commit ends in -dirty when files differ from it. Outside of git, as in an image, it is the
    one in the variable O2R_COMMIT, or empty.
    """
    return {
        "O2R_COMMIT": _commit(dbt_dir),
        "O2R_PROJECT": (dbt_dir / "dbt_project.yml").read_text(encoding="utf-8"),
    }


def save_manifest(
    target_dir: Path, folder: Path, origin: dict[str, str], *, results_dir: Path | None = None
) -> None:
    """Copy the manifest of a successful build into `folder`, as a whole or not at all.

    origin: `provenance` before the build; it is added to the manifest as `metadata.env`.
    results_dir: where the results of the build are, if not beside the manifest.

    Raises UserError when the build left out a model, as the manifest would then promise relations
    that production does not have, or when the folder cannot be written.
    """
    manifest = load(target_dir / FILE)
    results = load((results_dir or target_dir) / RESULTS)
    if left_out := left_out_of(results, relations(manifest)):
        raise UserError(
            f"manifest not saved: the build was partial ({len(left_out)} models or seeds left out)"
        )
    _write(manifest, folder, origin)


def save_parsed_manifest(target_dir: Path, folder: Path, origin: dict[str, str]) -> None:
    """Write the manifest of a project that was parsed, not built, into `folder`, as a whole.

    It is that of production only if production was built from this commit, by another machine.
    Raises UserError when files differ from the commit, or the folder cannot be written.
    """
    if not re.fullmatch("[0-9a-f]{40}", origin["O2R_COMMIT"]):
        raise UserError("manifest not saved: the project is not exactly a commit of git")
    _write(load(target_dir / FILE), folder, origin)


def _write(manifest: Manifest, folder: Path, origin: dict[str, str]) -> None:
    manifest["metadata"]["env"] = origin
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(prefix=".manifest-", dir=folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(manifest, file)
                file.flush()
                os.fsync(file.fileno())
            Path(aside).chmod(0o644)
            Path(aside).replace(folder / FILE)
        finally:
            Path(aside).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder} ({error.strerror})") from None


def read_production(folder: Path, dbt_dir: Path, database: str) -> Manifest:
    """Return the saved manifest of production that this project is to be compared with.

    Raises UserError when it is missing, broken, or of another target, project, dbt or database.
    """
    path = folder / FILE
    found = load(path)
    if not all(isinstance(found.get(part), dict) for part in ("nodes", "macros", "sources")):
        raise UserError(f"{path} is not a manifest of dbt")
    metadata, ours = found["metadata"], version("dbt-core")
    if str(metadata.get("dbt_version")).split(".")[:2] != ours.split(".")[:2]:
        raise UserError(
            f"{path} was written by dbt {metadata.get('dbt_version')}, this is {ours}: build "
            "production with this one first, or leave out --state to build everything"
        )
    project = read_yaml(dbt_dir / "dbt_project.yml")["name"]
    if metadata.get("project_name") != project:
        raise UserError(f"{path} is of dbt project '{metadata.get('project_name')}', not {project}")
    if not (metadata.get("env") or {}).get("O2R_PROJECT"):
        raise UserError(f"{path} was not saved by `o2r build --save-manifest`")
    databases = {node["database"] for node in relations(found).values()}
    if databases != {database}:
        raise UserError(
            f"{path} is of database {', '.join(sorted(databases)) or 'none'}, not {database}"
        )
    return found


def left_out_of(results: dict[str, Any], wanted: Iterable[str]) -> list[str]:
    """Which of the wanted nodes a run has left out, all of them if it left out rows.

    results: dbt's run_results.json.
    """
    if results["args"].get("empty") or results["args"].get("sample"):
        return sorted(wanted)
    return sorted(set(wanted) - {result["unique_id"] for result in results["results"]})


def relations(manifest: Manifest) -> dict[str, Any]:
    """Models, seeds and snapshots by unique id; ephemeral models are no relations."""
    return {
        key: node
        for key, node in manifest["nodes"].items()
        if node["resource_type"] in BUILT and node["config"]["materialized"] != "ephemeral"
    }


def load(path: Path) -> dict[str, Any]:
    """Read a JSON file of dbt's."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror})") from None
    except ValueError:
        raise UserError(f"{path} is not JSON, or only a part of it") from None
    if not (isinstance(found, dict) and isinstance(found.get("metadata"), dict)):
        raise UserError(f"{path} was not written by dbt")
    return found


def _commit(folder: Path) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", str(folder)]
    command += ["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        found = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        found = ""
    return found or os.environ.get("O2R_COMMIT", "")
