"""What dbt's comparison with an earlier manifest (`state:modified`) leaves out or overdoes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from o2r.manifests import Manifest

SEEN_IN_NODES = {
    *("name", "version", "vars", "on-run-start", "on-run-end", "clean-targets"),
    *("models", "seeds", "snapshots", "tests", "data_tests", "unit_tests", "sources"),
    *("exposures", "metrics", "semantic-models", "saved-queries"),
}
"""Keys of dbt_project.yml whose changes show in the nodes, or are compared here by themselves."""

OTHER_ENGINES = ("spark__",)
"""Beginnings of macros that are never called on Postgres."""

TOKEN = re.compile(
    r"""(?P<kept>'(?:[^']|'')*'(?:\s*'(?:[^']|'')*')*|"[^"]*"|--[^\n]*\s*|/\*.*?\*/|\{\#.*?\#\})
    |(?P<space>\s+)""",
    re.DOTALL | re.VERBOSE,
)
"""Literals and comments, and the white space outside of them."""


def everything_because(old: Manifest, new: Manifest) -> list[str]:
    """Reasons why every node is touched by changes that `state:modified` ties to none of them.

    These are macros that dbt calls by itself, such as generate_schema_name or one in a hook, the
    hooks, and the settings of dbt_project.yml that are not about resources.
    """
    changed = {
        key
        for key in _changed_macros(old, new) & _own(old, new)
        if not key.split(".")[-1].startswith(OTHER_ENGINES)
    }
    tied = set().union(*(_macros_of(node, new) | _macros_of(node, old) for node in _nodes(new)))
    reasons = [f"macro {key.split('.')[-1]}" for key in sorted(changed - tied)]
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


def align(old: Manifest, new: Manifest) -> Manifest:
    """Return `old`, changed so that dbt finds in `new` what differs in effect.

    White space between the tokens of models and macros counts as equal. What reads a variable with
    another default, or lost a macro, counts as modified.
    """
    aligned = copy.deepcopy(old)
    for part, text in (("nodes", "raw_code"), ("macros", "macro_sql")):
        for key in aligned[part].keys() & new[part].keys():
            if same_but_for_space(aligned[part][key][text], new[part][key][text]):
                aligned[part][key][text] = new[part][key][text]
    variables = _changed_variables(old, new)
    removed = old["macros"].keys() - new["macros"].keys()
    for key in aligned["macros"].keys() & new["macros"].keys():
        if variables and _reads(new["macros"][key], variables):
            aligned["macros"][key]["macro_sql"] = ""
    for part in ("nodes", "sources", "unit_tests", "exposures"):
        for key in aligned[part].keys() & new[part].keys():
            before, now = old[part][key], new[part][key]
            if (variables and _reads(now, variables)) or _macros_of(before, old) & removed:
                # Of unit tests dbt compares the checksum only, of all others their place too.
                aligned[part][key] |= {"checksum": ""} if part == "unit_tests" else {"fqn": []}
    return aligned


def graph_tests(manifest: Manifest) -> list[str]:
    """Tests that look at the whole project, and so concern every change."""
    macros, own = manifest["macros"], _own(manifest)

    def code(node: dict[str, Any]) -> list[str]:
        called = _macros_of(node, manifest) & own
        return [node["raw_code"], *(macros[name]["macro_sql"] for name in called)]

    return sorted(
        key
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "test"
        and any(re.search(r"\bgraph\.", text) for text in code(node))
    )


def same_but_for_space(one: str, other: str) -> bool:
    """Whether two texts of SQL and Jinja differ in nothing but white space between tokens."""
    return one == other or (
        "\\'" not in one + other and "$$" not in one + other and _squeeze(one) == _squeeze(other)
    )


def _squeeze(text: str) -> str:
    def replacement(found: re.Match[str]) -> str:
        kept = found["kept"] or " "
        return f"{kept.rstrip()}\n" if kept.startswith("--") else kept

    return TOKEN.sub(replacement, text).strip()


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


def _changed_macros(old: Manifest, new: Manifest) -> set[str]:
    """Macros that are new, gone, other, or that read a variable whose default is another one."""
    before, now = old["macros"], new["macros"]
    variables = _changed_variables(old, new)
    return {
        key
        for key in before.keys() | now.keys()
        if key not in before
        or key not in now
        or not same_but_for_space(before[key]["macro_sql"], now[key]["macro_sql"])
        or (variables and _reads(now[key], variables))
    }


def _own(*manifests: Manifest) -> set[str]:
    """Macros of the project itself."""
    return {
        key
        for manifest in manifests
        for key, macro in manifest["macros"].items()
        if macro["package_name"] == manifest["metadata"]["project_name"]
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


def _changed_variables(old: Manifest, new: Manifest) -> set[str]:
    """Names of the variables whose default in dbt_project.yml is not the same."""
    before, now = (_flat(_project(manifest).get("vars") or {}) for manifest in (old, new))
    return {
        name.split(".")[-1]
        for name in before.keys() | now.keys()
        if name not in before or name not in now or before[name] != now[name]
    }


def _flat(variables: dict[str, Any], scope: str = "") -> dict[str, Any]:
    """Variables of a package stand one level deeper; a variable may hold a dictionary too."""
    flat = {}
    for name, value in variables.items():
        flat[f"{scope}{name}"] = value
        if isinstance(value, dict):
            flat |= _flat(value, f"{scope}{name}.")
    return flat


def _reads(node: dict[str, Any], variables: set[str]) -> bool:
    """Whether a node or macro asks for one of the variables, or for one whose name it computes."""
    names = "|".join(re.escape(name) for name in sorted(variables))
    text = json.dumps(node, ensure_ascii=False).replace('\\"', '"')
    return bool(re.search(rf"\bvar\s*\(\s*(?:['\"](?:{names})['\"]|[^'\"\s])", text))
