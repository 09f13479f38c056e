"""Load the DAG files as Airflow does and print, as JSON, what the tests look at.

A process of its own: Airflow reads its settings when it is imported, and import times count only
when nothing has been imported before.
"""

import json
import sys
import time
import warnings
from pathlib import Path

DAGS = Path(__file__).parents[2] / "airflow" / "dags"


def describe(dag) -> dict:
    """One DAG, in JSON types."""
    timetable = dag.timetable
    return {
        "file": Path(dag.fileloc).name,
        "schedule": getattr(getattr(timetable, "timetable", timetable), "expression", None),
        "assets": sorted(asset.name for asset in getattr(timetable.asset_condition, "objects", ())),
        "max_active_runs": dag.max_active_runs,
        "catchup": dag.catchup,
        "start_date": str(dag.start_date) if dag.start_date else None,
        "paused": dag.is_paused_upon_creation,
        "tags": sorted(dag.tags),
        "params": {name: dag.params.get_param(name).schema for name in dag.params},
        "doc": dag.doc_md,
        "tasks": {task.task_id: describe_task(task) for task in dag.tasks},
    }


def describe_task(task) -> dict:
    """One task, in JSON types."""
    return {
        "operator": type(task).__name__,
        "arguments": list(getattr(task, "arguments", [])),
        "only_if": getattr(task, "only_if", None),
        "pool": task.pool,
        "owner": task.owner,
        "retries": task.retries,
        "retry_seconds": task.retry_delay.total_seconds(),
        "timeout_seconds": task.execution_timeout and task.execution_timeout.total_seconds(),
        "callbacks": [callback.__name__ for callback in task.on_failure_callback],
        "trigger_rule": str(task.trigger_rule.value),
        "outlets": sorted(asset.name for asset in task.outlets),
        "upstream": sorted(task.upstream_task_ids),
    }


def main() -> None:
    sys.path.insert(0, str(DAGS))
    import airflow.sdk
    from airflow.dag_processing.dagbag import DagBag

    empty = DagBag("/nonexistent", load_op_links=False)
    before, seconds, dags = set(sys.modules), {}, {}
    errors = dict(empty.import_errors)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for file in sorted(DAGS.glob("*.py")):
            started = time.process_time()
            bag = DagBag(str(file), load_op_links=False)
            seconds[file.name] = time.process_time() - started
            errors |= bag.import_errors
            dags |= {dag_id: describe(dag) for dag_id, dag in bag.dags.items()}
    ours = [str(w.message) for w in caught if str(DAGS) in str(w.filename)]
    packages = {name.split(".")[0] for name in set(sys.modules) - before}
    print(
        json.dumps(
            {
                "dags": dags,
                "errors": errors,
                "seconds": seconds,
                "warnings": ours,
                "imported": sorted(packages),
                "version": airflow.sdk.__version__,
            }
        )
    )


main()
