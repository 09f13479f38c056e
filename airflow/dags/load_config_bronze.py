"""By hand, after a change of scripts, contracts or seeds: the database and the configuration."""

from airflow.sdk import DAG

from o2r_airflow.command import O2ROperator
from o2r_airflow.defaults import BRONZE, dag_options, pool

with DAG(
    "load_config_bronze",
    description="Schemas, roles, bronze tables and grants; seeds of target prod.",
    schedule=None,
    doc_md=__doc__,
    **dag_options("bronze"),
):
    setup = O2ROperator(task_id="setup", arguments=["setup"])
    seeds = O2ROperator(
        task_id="seeds",
        arguments=["dbt", "--target", "prod", "seed"],
        pool=pool("prod"),
        outlets=[BRONZE],
    )
    setup >> seeds
