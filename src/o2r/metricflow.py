"""`o2r mf`: MetricFlow on the gold of a target, answering for final periods unless asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from importlib.util import find_spec

from o2r.builds.manifests import FILE, load
from o2r.builds.run import dbt, prepare, work_dir
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse.query import query

MF = """
from dbt_metricflow.cli import main
main.UpdateChecker.check = lambda *_: None  # asks the internet for a newer version, every time
main.cli(prog_name="mf")
"""
MONTHS = {"month": 1, "quarter": 3, "year": 12}
FINAL = """
select metric, min(period_start) filter (where is_final),
    max(cast(period_start + cast('1 ' || grain as interval) as date)) filter (where is_final)
from {} where dimension = 'all' and grain = %s and metric = any(%s)
group by metric
"""


def mf(
    settings: Settings,
    arguments: Sequence[str],
    target: str = "prod",
    *,
    provisional: bool = False,
) -> int:
    """Run one MetricFlow command, such as `query`, on the gold of a target; return its exit code.

    A query that names no time of its own is answered for the periods of which every metric asked
    for is final in `metric_values`, and says so on stderr. provisional: for all there is.
    MetricFlow reads `target/semantic_manifest.json` below the folder of `dbt_project.yml` and
    nowhere else: it is given the work folder of the target, with a copy of that file.
    Raises UserError as `dbt` does, when MetricFlow is not installed, and when no period is final.
    """
    if find_spec("dbt_metricflow") is None:
        raise UserError("MetricFlow is not installed: run `make install`")
    if code := dbt(settings, ["--quiet", "parse"], target):
        return code
    times = [] if provisional else _final_times(settings, list(arguments), target)
    work = work_dir(settings, target)
    shutil.copy(settings.dbt_dir / "dbt_project.yml", work)
    variables = os.environ | prepare(settings, target) | {"DBT_PROJECT_DIR": str(work)}
    return subprocess.run(
        [sys.executable, "-c", MF, *arguments, *times], env=variables, check=False
    ).returncode


def _final_times(settings: Settings, arguments: list[str], target: str) -> list[str]:
    """Options that keep a query to final periods; none for what is no query, or has its own."""
    if "query" not in arguments or _value(arguments, "--start-time", "--end-time"):
        return []
    metrics = _value(arguments, "--metrics").split(",")
    grains = [name.partition("__")[2] for name in _value(arguments, "--group-by").split(",")]
    months = max(MONTHS.get(grain, 0) for grain in grains)
    grain = "month" if months else "week"
    manifest = load(work_dir(settings, target) / "target" / FILE)
    relation = manifest["nodes"]["model.o2r.metric_values"]["relation_name"]
    found = query(settings, FINAL.format(relation), grain, metrics)
    if lacking := sorted(metric for metric, start, _ in found if start is None):
        raise UserError(
            f"no {grain} of {', '.join(lacking)} is final yet: --provisional shows what there is"
        )
    if not found:
        return []
    start = _first(max(start for _, start, _ in found), months)
    end = _last(min(end for _, _, end in found), months) - timedelta(days=1)
    if end < start:
        raise UserError(
            f"{', '.join(metrics)} have no final {grain} in common: --provisional shows all"
        )
    print(f"final periods only, {start} to {end}: --provisional shows all", file=sys.stderr)
    return ["--start-time", start.isoformat(), "--end-time", end.isoformat()]


def _first(day: date, months: int) -> date:
    """The first beginning of a span of so many months that is not before the day."""
    while months and ((day.month - 1) % months or day.day > 1):
        day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day


def _last(day: date, months: int) -> date:
    """The last beginning of a span of so many months that is not after the day."""
    while months and ((day.month - 1) % months or day.day > 1):
        day = day.replace(day=1) if day.day > 1 else (day - timedelta(days=1)).replace(day=1)
    return day


def _value(arguments: list[str], *options: str) -> str:
    """What is given to the first of these options; empty where none is."""
    for option in options:
        for place, word in enumerate(arguments):
            if word == option and place + 1 < len(arguments):
                return arguments[place + 1]
            if word.startswith(option + "="):
                return word.removeprefix(option + "=")
    return ""
