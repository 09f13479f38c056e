"""Defaults of every DAG: retries, time limits, pools, parameters, assets."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param

from o2r_airflow.alerts import task_failed

RETRY_DELAY = timedelta(seconds=int(os.environ.get("O2R_RETRY_SECONDS") or 300))

BRONZE = Asset("o2r_bronze", uri="o2r://warehouse/raw_bronze")
SILVER = Asset("o2r_silver", uri="o2r://warehouse/silver")
GOLD = Asset("o2r_gold", uri="o2r://warehouse/mart_gold")

BUILD_TIME = timedelta(hours=3)
"""Limit of what builds tables; waiting for a slot of the pool does not count."""


def dag_options(*tags: str) -> dict[str, Any]:
    """Options that all DAGs share.

    One run at a time, no catching up on days gone by: a build takes in whatever has arrived. There
    is no start date, so that Airflow, when first started, waits for the next hour of the schedule,
    unless the last one was less than a tenth of the interval ago.
    """
    return {
        "catchup": False,
        "max_active_runs": 1,
        "is_paused_upon_creation": False,
        "tags": ["o2r", *tags],
        "default_args": {
            "owner": "data_engineering",
            "retries": 1,
            "retry_delay": RETRY_DELAY,
            "execution_timeout": timedelta(minutes=30),
            "on_failure_callback": task_failed,
        },
    }


def schedule(cron: str, *assets: Asset) -> Any:
    """When a DAG runs: at the times of `cron` (UTC), and after news of all the assets.

    O2R_CLOCK=off leaves out the times, such as on a second Airflow.
    """
    if os.environ.get("O2R_CLOCK") == "off":
        return list(assets) or None
    timetable = CronTriggerTimetable(cron, timezone="UTC")
    return AssetOrTimeSchedule(timetable=timetable, assets=list(assets)) if assets else timetable


def pool(target: str) -> str:
    """Name of the pool with the one slot of a target; pools are made from airflow/pools.json."""
    return f"o2r_{target}"


def build_params() -> dict[str, Param]:
    """Parameters of a build that is asked for by hand: days to read again, or everything."""
    day = {"type": ["null", "string"], "format": "date"}
    return {
        "from": Param(
            None,
            **day,
            title="First day to build again",
            description="YYYY-MM-DD; this day to the last one are built again, whole.",
        ),
        "to": Param(
            None, **day, title="Last day to build again", description="YYYY-MM-DD; with the first."
        ),
        "full_refresh": Param(
            False,
            type="boolean",
            title="Full refresh",
            description="Build every incremental table from all of bronze.",
        ),
    }


FULL_REFRESH = "{{ '--full-refresh' if params.full_refresh else '' }}"
