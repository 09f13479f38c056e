"""Gold as dbt describes it: relations, descriptions, and what its tests say of the columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from o2r.builds.manifests import FILE, Manifest, load, relations
from o2r.builds.run import dbt, work_dir
from o2r.errors import UserError
from o2r.settings import Settings

FOLDER = "marts/"
META = "metabase.semantic_type"
"""Key in the meta of a column that names its semantic type; dbt-metabase reads the same one."""


@dataclass
class Column:
    """A column. target: (model, column) that it refers to."""

    description: str
    semantic_type: str | None = None
    target: tuple[str, str] | None = None


@dataclass
class Model:
    """A table of gold."""

    schema: str
    table: str
    description: str
    columns: dict[str, Column] = field(default_factory=dict)

    @property
    def relation(self) -> str:
        """Its name in SQL."""
        return f"{self.schema}.{self.table}"


def read_gold(settings: Settings) -> dict[str, Model]:
    """Models of gold by name, from the project as it is. Raises UserError if it has an error.

    dbt gets a folder of its own, as another run may write the manifest of target prod meanwhile.
    """
    folder = work_dir(settings, "prod_metabase") / "target"
    if dbt(settings, ["--quiet", "parse", "--target-path", str(folder)], "prod") != 0:
        raise UserError("the dbt project cannot be parsed: correct what is printed above")
    return gold_of(load(folder / FILE))


def gold_of(manifest: Manifest) -> dict[str, Model]:
    """Models of gold by name.

    A column is a primary key where `valid_rows` names it alone as the key, a foreign key where it
    has a relationships test to gold, a category where its values are listed; its meta wins.
    """
    nodes = {
        key: node
        for key, node in relations(manifest).items()
        if node["resource_type"] == "model" and node["path"].startswith(FOLDER)
    }
    names = {key: _name(node) for key, node in nodes.items()}
    found = {
        names[key]: Model(
            node["schema"],
            node["alias"],
            _text(node["description"]),
            {name: Column(_text(one["description"])) for name, one in node["columns"].items()},
        )
        for key, node in nodes.items()
    }
    for test in manifest["nodes"].values():
        if test["resource_type"] == "test" and test.get("attached_node") in nodes:
            _learn(test, found[names[test["attached_node"]]], found)
    for key, node in nodes.items():
        for name, one in node["columns"].items():
            meta = {**one.get("meta", {}), **one.get("config", {}).get("meta", {})}
            if META in meta:
                found[names[key]].columns[name].semantic_type = meta[META]
    return found


def _name(node: dict[str, Any]) -> str:
    """What ref() calls it; an older version goes by its table."""
    is_newest = node.get("version") == node.get("latest_version")
    return node["name"] if is_newest else node["alias"]


def _learn(test: dict[str, Any], model: Model, models: dict[str, Model]) -> None:
    """Take in what one test says of columns."""
    metadata = test.get("test_metadata") or {"name": None, "kwargs": {}}
    arguments = metadata["kwargs"]
    if metadata["name"] == "valid_rows":
        if len(key := arguments.get("key", ())) == 1:
            column = model.columns[key[0]]
            column.semantic_type, column.target = "type/PK", None
        for name in arguments.get("one_of", ()):
            if model.columns[name].semantic_type is None:
                model.columns[name].semantic_type = "type/Category"
    column = model.columns.get(test.get("column_name") or "")
    if column is None or column.semantic_type == "type/PK":
        return
    if metadata["name"] == "relationships":
        to = re.search(r"ref\(\s*['\"](\w+)['\"]", str(arguments.get("to")))
        if to and to[1] in models and arguments.get("field") in models[to[1]].columns:
            column.semantic_type, column.target = "type/FK", (to[1], arguments["field"])


def _text(description: str | None) -> str:
    return " ".join((description or "").split())
