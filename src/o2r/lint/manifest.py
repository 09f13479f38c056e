"""dbt's manifest.json as the rules read it, and their findings with the exceptions to them.

A rule that does not fit one thing is switched off beside that thing, with a reason:
`config: {meta: {lint: {<rule>: <why it does not fit here>}}}`.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

Node = dict[str, Any]

RULES = frozenset(
    {
        *("layer", "root-model", "many-parents", "long-model", "named-schema", "staging-in-mart"),
        *("source-fanout", "unread-source", "unread-model", "freshness"),
        *("prefix", "folder", "yaml-file", "test-name", "column-name", "grain", "description"),
        *("no-test", "one-pass", "primary-key", "severity", "disabled", "contract", "materialized"),
        *("key", "enum", "range", "exception"),
        "join",
    }
)
ON_DATA = frozenset({"join"})
"""Rules that only a filled warehouse can judge."""
LAYERS = ("staging", "intermediate", "marts/core", "marts/<domain>", "marts/o2r")


@dataclass(frozen=True)
class Finding:
    """One thing that breaks a rule. `subject` is its entry in the manifest, or that of a column."""

    subject: Node
    path: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}: {self.remedy}"

    @property
    def reason(self) -> str:
        """Why the rule does not hold here; empty when nobody says so."""
        return str(exceptions(self.subject).get(self.rule) or "").strip()


def exceptions(subject: Node) -> dict[str, str]:
    """The rules switched off at a model, column, source, test or exposure, each with its reason."""
    return subject.get("config", {}).get("meta", {}).get("lint") or {}


def find(node: Node, rule: str, remedy: str, column: Node | None = None) -> Finding:
    """A finding at a node, or at one of its columns."""
    if rule not in RULES:
        raise ValueError(f"add {rule} to RULES of {__file__}")
    path = node["original_file_path"]
    if column:
        return Finding(column, f"{path}: {column['name']}", rule, remedy)
    # A YAML file holds many things, a model's SQL file only itself.
    where = path if Path(path).stem == node["name"] else f"{path}: {node['name']}"
    return Finding(node, where, rule, remedy)


class Project:
    """Nodes of this project, without those of installed packages, by what they are."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        name = manifest["metadata"]["project_name"]

        def own(nodes: Iterable[Node], kind: str) -> dict[str, Node]:
            return {
                node["unique_id"]: node
                for node in nodes
                if node["package_name"] == name and node["resource_type"] == kind
            }

        nodes = list(manifest["nodes"].values())
        self.models = own(nodes, "model")
        self.tests = own(nodes, "test")
        self.sources = own(manifest["sources"].values(), "source")
        self.unit_tests = own(manifest["unit_tests"].values(), "unit_test")
        self.exposures = own(manifest["exposures"].values(), "exposure")
        self.disabled = [
            node
            for versions in manifest["disabled"].values()
            for node in versions
            if node["package_name"] == name
        ]

    @classmethod
    def read(cls, target: Path) -> "Project":
        """The project of which dbt wrote the manifest into the folder `target`."""
        return cls(json.loads((target / "manifest.json").read_text()))

    @cached_property
    def readers(self) -> dict[str, list[Node]]:
        """Models by what they read directly: sources, seeds and models."""
        found = defaultdict(list)
        for model in self.models.values():
            for parent in parents(model):
                found[parent].append(model)
        return found

    @cached_property
    def generic_tests(self) -> dict[str, list[Node]]:
        """Generic tests by the model that they test."""
        found = defaultdict(list)
        for test in self.tests.values():
            if test.get("test_metadata"):
                found[test["attached_node"]].append(test)
        return found

    @cached_property
    def marts(self) -> list[Node]:
        return [model for model in self.models.values() if folders(model)[0] == "marts"]

    def ancestors(self, model: Node) -> Iterator[Node]:
        """Every model that a model reads, directly or through others."""
        seen: set[str] = set()
        queue = list(parents(model))
        while queue:
            name = queue.pop()
            if name in self.models and name not in seen:
                seen.add(name)
                yield self.models[name]
                queue += parents(self.models[name])

    def subjects(self) -> Iterator[tuple[Node, Node | None]]:
        """Everything that can hold an exception: (node, None) and (node, column)."""
        for nodes in (self.models, self.tests, self.sources, self.unit_tests, self.exposures):
            for node in nodes.values():
                yield node, None
                for column in node.get("columns", {}).values():
                    yield node, column


def folders(model: Node) -> tuple[str, ...]:
    """Folders of a model below models/, such as ("marts", "core"), never empty."""
    return tuple(model["fqn"][1:-1]) or ("",)


def layer(model: Node) -> str | None:
    """One of LAYERS, None outside of them."""
    top, *below = folders(model)
    if top == "marts" and below:
        return f"marts/{below[0]}" if below[0] in ("core", "o2r") else "marts/<domain>"
    return top if top in LAYERS else None


def parents(node: Node) -> list[str]:
    """Ids of the sources, seeds and models that a node reads directly, each once."""
    return list(dict.fromkeys(node["depends_on"]["nodes"]))


def kind(unique_id: str) -> str:
    """Resource type in a unique id: "model" for model.o2r.dim_date."""
    return unique_id.split(".", 1)[0]


def warns_of_source(project: Project, test: Node) -> bool:
    """Whether a test warns of the rows of a source, in staging."""
    model = project.models.get(test.get("attached_node") or "")
    return (
        test["config"]["severity"].lower() == "warn"
        and model is not None
        and layer(model) == "staging"
        and test_name(test) == "valid_rows"
    )


def test_name(test: Node) -> str:
    """Name of a generic test without its package: "valid_rows"."""
    return test["test_metadata"]["name"]


def arguments(test: Node) -> dict[str, Any]:
    """Arguments of a generic test, `column_name` among them when it has one."""
    return test["test_metadata"]["kwargs"]
