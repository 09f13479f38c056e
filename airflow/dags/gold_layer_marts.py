"""The marts of production from silver as it is: every night and after a build of silver."""

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable

from o2r_airflow.defaults import GOLD, SILVER, build_params, dag_options
from o2r_airflow.pipeline import PUBLISH_GOLD, build

with DAG(
    "gold_layer_marts",
    description="Target prod: gold.",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("30 1 * * *", timezone="UTC"), assets=[SILVER]
    ),
    params=build_params(),
    doc_md=__doc__,
    **dag_options("gold", "prod"),
):
    build("gold", "prod", PUBLISH_GOLD, [GOLD])
