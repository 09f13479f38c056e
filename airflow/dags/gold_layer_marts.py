"""Gold of production from silver as it is: every night and after a build of silver."""

from airflow.sdk import DAG

from o2r_airflow.defaults import GOLD, SILVER, dag_options, schedule
from o2r_airflow.pipeline import PUBLISH, build

with DAG(
    "gold_layer_marts",
    description="Target prod: gold, published when it is tested.",
    schedule=schedule("30 1 * * *", SILVER),
    doc_md=__doc__,
    **dag_options("gold", "prod"),
):
    build("gold", "prod", [*PUBLISH, "--only-gold"], [GOLD])
