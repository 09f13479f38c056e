"""Small dbt manifests for the tests of o2r.lint: one good project, to be broken on purpose."""

from copy import deepcopy
from typing import Any

Node = dict[str, Any]


def model(folder: str, name: str, reads: list[str], columns: dict[str, str] | None = None) -> Node:
    """A model in models/<folder>; columns: data type by name."""
    is_mart = folder.startswith("marts")
    path = f"models/{folder}/{name}.sql"
    described = f"models/{folder}/{name}.yml" if is_mart else f"models/{folder}/_models.yml"
    return _node("model", name, path) | {
        "fqn": ["o2r", *folder.split("/"), name],
        "patch_path": f"o2r://{described}",
        "raw_code": f"-- Grain: one row per {name}.\nselect 1",
        "depends_on": {"nodes": reads},
        "config": {
            "materialized": "view" if folder.startswith("staging") else "table",
            "contract": {"enforced": is_mart},
            "meta": {},
        },
        "columns": {
            column: {
                "name": column,
                "description": f"The {column}.",
                "data_type": data_type,
                "config": {"meta": {}},
            }
            for column, data_type in (columns or {}).items()
        },
    }


def source(system: str, table: str) -> Node:
    """A table of a source system, with freshness."""
    return _node("source", table, f"models/staging/{system}/_sources.yml") | {
        "unique_id": f"source.o2r.{system}.{table}",
        "source_name": system,
        "freshness": {"warn_after": {"count": 2, "period": "day"}},
        "columns": {},
    }


def generic_test(on: Node, name: str, severity: str = "error", **arguments: Any) -> Node:
    """A generic test of a model; arguments as in its YAML, column_name among them."""
    words = "_".join([name, on["name"], str(arguments)])
    return _node("test", words, on["original_file_path"]) | {
        "attached_node": on["unique_id"],
        "test_metadata": {"name": name, "kwargs": arguments},
        "depends_on": {"nodes": [on["unique_id"]]},
        "config": {"severity": severity, "meta": {}},
        "raw_code": "{{ a_test() }}",
        "compiled_code": f"-- compares: {', '.join(arguments.get('within', ()))}",
    }


def singular_test(name: str, sql: str = "select 1") -> Node:
    """A test in tests/singular/."""
    return _node("test", name, f"tests/singular/{name}.sql") | {
        "config": {"severity": "error", "meta": {}},
        "raw_code": sql,
    }


def unit_test(on: Node, name: str) -> Node:
    return _node("unit_test", name, on["original_file_path"]) | {"model": on["name"]}


def exposure(name: str, reads: list[str]) -> Node:
    return _node("exposure", name, "models/exposures.yml") | {"depends_on": {"nodes": reads}}


def _node(kind: str, name: str, path: str) -> Node:
    return {
        "unique_id": f"{kind}.o2r.{name}",
        "name": name,
        "resource_type": kind,
        "package_name": "o2r",
        "original_file_path": path,
        "description": f"About {name}.",
        "config": {"meta": {}},
    }


class Broken:
    """A good manifest of two sources and five layers; tests change one thing of it."""

    def __init__(self) -> None:
        self.crm, self.billing = source("crm", "accounts"), source("billing", "sales")
        keys = {"account_id": "text", "plan_tier": "text"}
        self.sources = [self.crm, self.billing]
        self.stg = model("staging/crm", "stg_accounts", [self.crm["unique_id"]], keys)
        self.stg_sales = model("staging/billing", "stg_sales", [self.billing["unique_id"]])
        self.int = model("intermediate/core", "int_accounts", [self.stg["unique_id"]])
        self.dim = model("marts/core", "dim_account", [self.int["unique_id"]], keys)
        self.fct = model("marts/core", "fct_sales", [self.stg_sales["unique_id"]])
        self.mart = model(
            "marts/revenue", "sales_summary", ["model.o2r.fct_sales", "model.o2r.dim_account"]
        )
        self.story = model("marts/o2r", "story", ["model.o2r.sales_summary"])
        self.marts = (self.dim, self.fct, self.mart, self.story)
        self.models = [self.stg, self.stg_sales, self.int, *self.marts]
        self.tests = [singular_test("assert_totals_tie")]
        for node in (self.stg_sales, self.int, self.fct, self.mart, self.story):
            node["columns"] = deepcopy(model("", "", [], {"account_id": "text"})["columns"])
        for node in self.models:
            self.tests.append(generic_test(node, "valid_rows", key=["account_id"]))
        words = {"plan_tier": ["free", "paid"]}
        self.tests.append(generic_test(self.dim, "valid_rows", one_of=words))
        self.unit_tests = [unit_test(self.fct, "test_fct_sales__counts_once")]
        self.exposures = [exposure("dashboard", ["model.o2r.story", "metric.o2r.arr"])]
        self.disabled: list[Node] = []

    def manifest(self) -> dict[str, Any]:
        def by_id(nodes: list[Node]) -> dict[str, Node]:
            return {node["unique_id"]: node for node in nodes}

        theirs = model("staging/x", "a_package_has_its_own_rules", []) | {"package_name": "other"}
        return {
            "metadata": {"project_name": "o2r"},
            "nodes": by_id([*self.models, *self.tests]) | {"model.other.a": theirs},
            "sources": by_id(self.sources),
            "unit_tests": by_id(self.unit_tests),
            "exposures": by_id(self.exposures),
            "disabled": {node["unique_id"]: [node] for node in self.disabled},
        }

    def drop_tests(self, on: Node, *names: str) -> None:
        """Remove generic tests of a model by name; all of them when none is named."""
        self.tests = [
            test
            for test in self.tests
            if test.get("attached_node") != on["unique_id"]
            or (names and test["test_metadata"]["name"] not in names)
        ]

    def add_column(self, on: Node, name: str, data_type: str) -> Node:
        on["columns"] |= model("", "", [], {name: data_type})["columns"]
        return on["columns"][name]
