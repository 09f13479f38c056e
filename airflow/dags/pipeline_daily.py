"""Production, every night: fresh sources; build, test, publish; docs, dashboards, health."""

from airflow.sdk import DAG

from o2r_airflow.defaults import FULL_REFRESH, GOLD, build_params, dag_options, schedule
from o2r_airflow.pipeline import (
    PUBLISH,
    STATE,
    backfill,
    build,
    dashboards,
    documentation,
    freshness,
    health,
)

with DAG(
    "pipeline_daily",
    description="Target prod: freshness gate, build, test, publish; docs, dashboards, health.",
    schedule=schedule("0 2 * * *"),
    params=build_params(),
    doc_md=__doc__,
    **dag_options("pipeline", "prod"),
):
    publish = build("publish", "prod", [*PUBLISH, "--save-manifest", STATE, FULL_REFRESH], [GOLD])
    freshness("prod") >> backfill() >> publish >> documentation("prod") >> health("prod")
    publish >> dashboards()
