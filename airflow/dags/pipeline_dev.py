"""The schemas of target dev, every night before production: problems show there first."""

from airflow.sdk import DAG

from o2r_airflow.defaults import FULL_REFRESH, build_params, dag_options, schedule
from o2r_airflow.pipeline import backfill, build, documentation, freshness

with DAG(
    "pipeline_dev",
    description="Target dev: freshness gate, build and test, documentation.",
    schedule=schedule("0 0 * * *"),
    params=build_params(),
    doc_md=__doc__,
    **dag_options("pipeline", "dev"),
):
    built = build("build", "dev", ["build", "--target", "dev", FULL_REFRESH], [])
    freshness("dev") >> backfill() >> built >> documentation("dev")
