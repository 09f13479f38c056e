"""What dbt's comparison with an earlier manifest (`state:modified`) does not see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from o2r.builds.manifests import Manifest

SEEN_IN_NODES = {
    *("name", "version", "clean-targets", "on-run-start", "on-run-end"),
    *("models", "seeds", "snapshots", "tests", "data_tests", "unit_tests", "sources"),
    *("exposures", "metrics", "semantic-models", "saved-queries"),
}
"""Keys of dbt_project.yml whose changes show in the nodes."""


def everything_because(old: Manifest, new: Manifest) -> list[str]:
    """Reasons why every node is touched by changes that `state:modified` ties to none of them.

    These are macros that dbt calls by itself, because they are in a hook or take the place of one
    of its own, such as generate_schema_name; the hooks; and the settings of dbt_project.yml that
    are not about resources, variables among them.
    """
    tied = set().union(*(_macros_of(node, new) | _macros_of(node, old) for node in _nodes(new)))
    reasons = [
        f"macro {key.split('.')[-1]}"
        for key in sorted(_changed_macros(old, new))
        if key not in tied or f"macro.dbt.{key.split('.')[-1]}" in new["macros"]
    ]
    if _hooks(old) != _hooks(new):
        reasons.append("hooks of dbt_project.yml")
    before, now = _project(old), _project(new)
    reasons += [
        f"{key} of dbt_project.yml"
        for key in sorted(before.keys() | now.keys())
        if key not in SEEN_IN_NODES
        and not key.endswith(("-path", "-paths"))
        and before.get(key) != now.get(key)
    ]
    return reasons


def graph_tests(manifest: Manifest) -> list[str]:
    """Tests that look at the whole project, and so concern every change."""
    macros, own = manifest["macros"], _own(manifest)

    def code(node: dict[str, Any]) -> list[str]:
        called = _macros_of(node, manifest) & own.keys()
        return [node["raw_code"], *(macros[name]["macro_sql"] for name in called)]

    return sorted(
        key
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "test"
        and any(re.search(r"\bgraph\.\w+\.values\b", text) for text in code(node))
    )


def _nodes(manifest: Manifest) -> Iterator[dict[str, Any]]:
    """Everything that can be selected; hooks are in the manifest's nodes as well."""
    for node in manifest["nodes"].values():
        if node["resource_type"] != "operation":
            yield node
    yield from manifest.get("unit_tests", {}).values()


def _macros_of(node: dict[str, Any], manifest: Manifest) -> set[str]:
    """Macros that a node calls, directly or through others."""
    found: set[str] = set()
    waiting = list(node.get("depends_on", {}).get("macros", []))
    while waiting:
        key = waiting.pop()
        if key not in found and key in manifest["macros"]:
            found.add(key)
            waiting += manifest["macros"][key]["depends_on"]["macros"]
    return found


def _own(manifest: Manifest) -> dict[str, str]:
    """SQL of the project's own macros."""
    return {
        key: macro["macro_sql"]
        for key, macro in manifest["macros"].items()
        if macro["package_name"] == manifest["metadata"]["project_name"]
    }


def _changed_macros(old: Manifest, new: Manifest) -> set[str]:
    """Macros that are new, gone or other; those of other engines are never called here."""
    before, now = _own(old), _own(new)
    return {
        key
        for key in before.keys() | now.keys()
        if before.get(key) != now.get(key) and not key.split(".")[-1].startswith("spark__")
    }


def _hooks(manifest: Manifest) -> dict[str, str]:
    return {
        key: node["raw_code"]
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "operation"
    }


def _project(manifest: Manifest) -> dict[str, Any]:
    """dbt_project.yml as it was when the manifest was written."""
    return yaml.safe_load(manifest["metadata"]["env"]["O2R_PROJECT"])
