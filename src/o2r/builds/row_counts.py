"""ops.row_counts: how many rows each table had after every complete build and publish."""

from __future__ import annotations

from psycopg2 import sql

from o2r.builds.manifests import Manifest, relations
from o2r.contracts import SCHEMA, load_contracts
from o2r.warehouse.query import Session

LAYERS = {"intermediate": "silver", "marts": "gold"}
"""Layer of the tables by folder of the models; views of staging repeat bronze."""


def count_rows(session: Session, build_id: int, manifest: Manifest) -> None:
    """Count the rows of bronze and of all models of a run, and keep them.

    build_id: of the run in ops.builds; manifest: dbt's, which says where the tables are.
    """
    tables = [
        ("bronze", SCHEMA, table, table) for table in load_contracts(session.settings.dbt_dir)
    ]
    for node in relations(manifest).values():
        if node["resource_type"] == "model" and node["config"]["materialized"] != "view":
            layer = LAYERS[node["fqn"][1]]
            tables.append((layer, node["schema"], node["alias"], node["alias"]))
    counts = sql.SQL(" union all ").join(
        sql.SQL("select {}, {}, count(*) from {}").format(
            sql.Literal(layer), sql.Literal(name), sql.Identifier(schema, table)
        )
        for layer, schema, table, name in tables
    )
    session.query(
        sql.SQL(
            "insert into ops.row_counts (build_id, layer, table_name, row_count) "
            "select {}, found.* from ({}) as found (layer, table_name, row_count)"
        ).format(sql.Literal(build_id), counts)
    )
