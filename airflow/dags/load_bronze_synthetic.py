"""The simulated company lives on: one more day of it, or all that are missing up to that day."""

from airflow.sdk import DAG, Param

from o2r_airflow.command import O2ROperator
from o2r_airflow.defaults import BRONZE, dag_options, schedule

YESTERDAY = (
    "{{ params.day or ((dag_run.logical_date or dag_run.run_after) "
    "- macros.timedelta(days=1)) | ds }}"
)

with DAG(
    "load_bronze_synthetic",
    description="Lands the day before the run of the company that `o2r demo` simulates.",
    schedule=schedule("0 1 * * *"),
    params={
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Last day to land",
            description="YYYY-MM-DD; empty: the day before the run.",
        )
    },
    doc_md=__doc__,
    **dag_options("bronze") | {"is_paused_upon_creation": True},
):
    O2ROperator(task_id="land_day", arguments=["live", "--until", YESTERDAY], outlets=[BRONZE])
