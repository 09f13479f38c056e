"""The tasks that build a target, in the order in which every DAG has them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta

from airflow.sdk import Asset, TriggerRule

from o2r_airflow.command import O2ROperator
from o2r_airflow.defaults import BUILD_TIME, pool

PUBLISH = ["publish", "--target", "prod"]
"""How gold of production is built: aside, and in the place of the old one once it is tested."""
STATE = os.environ.get("O2R_STATE") or "prod-state"
"""Folder of the manifest of production, for `o2r ci`; relative to the project."""


def freshness(target: str) -> O2ROperator:
    """Stop the run when a source is older than its contract allows."""
    return O2ROperator(
        task_id="source_freshness",
        arguments=["dbt", "--target", target, "source", "freshness"],
        failure="a source is stale or cannot be read, so nothing is built",
    )


def backfill() -> O2ROperator:
    """Have the days from `from` to `to` built again; skipped in a run without them."""
    return O2ROperator(
        task_id="backfill",
        arguments=["backfill", "--from", "{{ params.from }}", "--to", "{{ params.to }}"],
        only_if="{{ params.from or params.to or '' }}",
    )


def build(task_id: str, target: str, command: Sequence[str], outlets: list[Asset]) -> O2ROperator:
    """Build and test; one at a time for each target."""
    return O2ROperator(
        task_id=task_id,
        arguments=command,
        failure="see the first error above",
        pool=pool(target),
        execution_timeout=BUILD_TIME,
        outlets=outlets,
        trigger_rule=TriggerRule.NONE_FAILED,
    )


def documentation(target: str) -> O2ROperator:
    """Write dbt's documentation as one page into the work folder of the target."""
    return O2ROperator(
        task_id="documentation",
        arguments=["dbt", "--target", target, "docs", "generate", "--static"],
        execution_timeout=timedelta(minutes=20),
    )


def dashboards() -> O2ROperator:
    """Make Metabase as metabase/ defines it; skipped where no METABASE_URL is set."""
    return O2ROperator(
        task_id="dashboards",
        arguments=["metabase", "provision", "--wait", "300"],
        only_if=os.environ.get("METABASE_URL", ""),
        failure="dashboards are as they were, or partly new; gold is out all the same",
    )


def health(target: str) -> O2ROperator:
    """Fail the run, as an alert, when something is wrong; what has been published stays."""
    return O2ROperator(
        task_id="health",
        arguments=["health", "--target", target],
        failure="a line above says WRONG and what to do; gold is out all the same",
        retries=0,
    )
