"""Target dev with one task for each model (Cosmos), as an alternative to look at; by hand.

One `dbt build` does the work in dbt's own order; the task of a model shows how that model and its
tests went. The tasks are read from the manifest that `pipeline_daily` saves: before its first run
there is one task, which fails and says so. The warehouse is the one of POSTGRES_* or the embedded
one, not that of an Airflow Connection.
"""

import sys
from pathlib import Path

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior

from o2r_airflow.command import project
from o2r_airflow.defaults import BUILD_TIME, dag_options, pool
from o2r_airflow.pipeline import STATE, freshness

MANIFEST = project() / STATE / "manifest.json"
DBT = project() / "dbt"

with DAG(
    "pipeline_daily_cosmos",
    description="Target dev: freshness gate, then one task for each model (Cosmos).",
    schedule=None,
    doc_md=__doc__,
    **dag_options("pipeline", "dev", "cosmos") | {"is_paused_upon_creation": True},
):
    if MANIFEST.is_file():
        models = DbtTaskGroup(
            group_id="models",
            project_config=ProjectConfig(
                DBT,
                manifest_path=MANIFEST,
                project_name="o2r",
                install_dbt_deps=False,
                env_vars={"O2R_BIN": str(Path(sys.executable).parent)},
            ),
            profile_config=ProfileConfig(
                profile_name="o2r",
                target_name="dev",
                profiles_yml_filepath=DBT / "profiles" / "profiles.yml",
            ),
            execution_config=ExecutionConfig(
                execution_mode=ExecutionMode.WATCHER,
                invocation_mode=InvocationMode.SUBPROCESS,
                dbt_executable_path=project() / "airflow" / "bin" / "o2r-dbt",
                setup_operator_args={"pool": pool("dev"), "execution_timeout": BUILD_TIME},
            ),
            render_config=RenderConfig(
                load_method=LoadMode.DBT_MANIFEST,
                test_behavior=TestBehavior.AFTER_EACH,
                emit_datasets=False,
                select=["path:seeds", "path:models", "path:snapshots"],
            ),
            operator_args={"execution_timeout": BUILD_TIME},
        )
        freshness("dev") >> models
    else:

        @task
        def no_manifest() -> None:
            """Say what has to run first."""
            raise AirflowFailException(f"there is no {MANIFEST}: run pipeline_daily first")

        no_manifest()
