"""All of production but gold, snapshots included: every six hours and after new bronze."""

from airflow.sdk import DAG

from o2r_airflow.defaults import BRONZE, FULL_REFRESH, SILVER, build_params, dag_options, schedule
from o2r_airflow.pipeline import backfill, build, freshness

with DAG(
    "silver_layer_staging",
    description="Target prod: freshness gate, then silver.",
    schedule=schedule("0 */6 * * *", BRONZE),
    params=build_params(),
    doc_md=__doc__,
    **dag_options("silver", "prod"),
):
    silver = build(
        "silver",
        "prod",
        # The tests of marts neither.
        ["build", "--target", "prod", "--exclude", "path:models/marts", FULL_REFRESH],
        [SILVER],
    )
    freshness("prod") >> backfill() >> silver
