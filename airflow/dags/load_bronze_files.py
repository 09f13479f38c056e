"""Files in the landing folder, every quarter of an hour; a bad one keeps out itself only."""

import json

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from o2r_airflow.command import O2ROperator
from o2r_airflow.defaults import BRONZE, dag_options, schedule

with DAG(
    "load_bronze_files",
    description="Loads what lies in O2R_LANDING and is not in bronze yet.",
    schedule=schedule("*/15 * * * *"),
    doc_md=__doc__,
    **dag_options("bronze"),
):

    @task(outlets=[BRONZE])
    def announce(answer: str) -> None:
        """Start what waits for new bronze, if there is any."""
        if not json.loads(answer)["inserted"]:
            raise AirflowSkipException("nothing new")

    @task
    def report(answer: str) -> None:
        """Fail when a file could not be loaded."""
        if refused := json.loads(answer)["refused"]:
            raise AirflowFailException("; ".join(refused))

    load = O2ROperator(task_id="load", arguments=["land", "--json"])
    announce(load.output)
    report(load.output)
