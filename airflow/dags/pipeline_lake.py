"""Production built by another engine: files to the lake, build and test there, hand back to gold.

In place of `pipeline_daily`: switch this one on and that one off. A task that is tried again does
only what is left: days that are written stay, a build that has passed is handed back.
"""

import os

from airflow.sdk import DAG, Param

from o2r_airflow.command import O2ROperator
from o2r_airflow.defaults import GOLD, dag_options, schedule
from o2r_airflow.pipeline import build, dashboards, documentation, freshness, health

ENGINE = Param(
    os.environ.get("O2R_ENGINE") or "duckdb",
    enum=["duckdb", "spark"],
    title="Engine",
    description="Installed beside the command o2r, as docs/scaling.md says.",
)

with DAG(
    "pipeline_lake",
    description="Target prod by another engine: freshness gate, export, build, hand back.",
    schedule=schedule("0 2 * * *"),
    params={"engine": ENGINE},
    doc_md=__doc__,
    **dag_options("pipeline", "prod", "lake") | {"is_paused_upon_creation": True},
):
    export = O2ROperator(
        task_id="export",
        arguments=["lake", "export"],
        failure="the files are as they were, or partly new; gold is as it was",
    )
    built = build("build", "prod", ["build", "--engine", "{{ params.engine }}"], [GOLD])
    freshness("prod") >> export >> built >> documentation("prod") >> health("prod")
    built >> dashboards()
