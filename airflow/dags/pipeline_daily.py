"""Production, every night: fresh sources, then build, test and publish, then its documentation."""

from airflow.sdk import DAG

from o2r_airflow.defaults import GOLD, build_params, dag_options
from o2r_airflow.pipeline import PUBLISH, STATE, backfill, build, documentation, freshness

with DAG(
    "pipeline_daily",
    description="Target prod: freshness gate, build and test, manifest, documentation.",
    schedule="0 2 * * *",
    params=build_params(),
    doc_md=__doc__,
    **dag_options("pipeline", "prod"),
):
    publish = build("publish", "prod", [*PUBLISH, "--save-manifest", STATE], [GOLD])
    freshness("prod") >> backfill() >> publish >> documentation("prod")
