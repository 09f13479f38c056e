"""The DAG files: what they say, and what importing them costs."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.dags.conftest import describe

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "airflow" / "dags"

BUILDS = {
    ("silver_layer_staging", "silver"): "o2r_prod",
    ("gold_layer_marts", "gold"): "o2r_prod",
    ("pipeline_daily", "publish"): "o2r_prod",
    ("pipeline_lake", "build"): "o2r_prod",
    ("pipeline_dev", "build"): "o2r_dev",
    ("load_config_bronze", "seeds"): "o2r_prod",
}


def tasks(described):
    """(DAG, task, description) of every task of every DAG."""
    return [
        (dag_id, task_id, task)
        for dag_id, dag in described["dags"].items()
        for task_id, task in dag["tasks"].items()
    ]


def test_every_file_imports_and_warns_of_nothing(described):
    assert described["errors"] == {}
    assert described["warnings"] == []


def test_a_dag_runs_when_the_readme_says_so(described):
    text = (ROOT / "airflow" / "README.md").read_text()
    said = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, re.MULTILINE))
    assert said.keys() == described["dags"].keys()
    for name, dag in described["dags"].items():
        assert said[name].startswith(in_words(dag["schedule"])), name


def in_words(cron: str | None) -> str:
    """When a DAG runs, as the README puts it."""
    if cron is None:
        return "by hand"
    minute, hour, *days = cron.split()
    assert days == ["*", "*", "*"]
    if "/" in minute:
        return f"every {minute.removeprefix('*/')} minutes"
    if "/" in hour:
        return f"every {hour.removeprefix('*/')} hours"
    return f"{int(hour):02}:{int(minute):02}"


def test_a_file_holds_the_dag_it_is_named_after(described):
    assert {dag["file"] for dag in described["dags"].values()} == {
        f"{name}.py" for name in described["dags"]
    }


def test_a_file_imports_in_under_a_second(described):
    assert set(described["seconds"]) == {f"{name}.py" for name in described["dags"]}
    assert max(described["seconds"].values()) < 1.0


def test_no_file_imports_dbt_pandas_or_o2r(described):
    assert not {"dbt", "pandas", "o2r"} & set(described["imported"])
    assert "o2r_airflow" in described["imported"]


def test_files_are_small_and_hold_no_loop():
    for path in DAGS.rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 150, path
        loops = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.For | ast.While)]
        assert not loops or path.parent.name == "o2r_airflow", path


@pytest.mark.parametrize(
    ("text", "is_found"),
    [('from airflow import DAG\n\nDAG("a", schedule_interval=None)\n', True), (None, False)],
)
def test_nothing_of_airflow_2_is_used(tmp_path, text, is_found):
    """Once on a file that does, so that the check is known to see it."""
    where = DAGS
    if text:
        where = tmp_path / "old.py"
        where.write_text(text)
    found = subprocess.run(
        [Path(sys.executable).with_name("ruff"), "check", "--isolated", "--preview", "--select",
         "AIR", where],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (found.returncode == 1) is is_found, found.stdout


def test_templates_need_no_logical_date():
    """`ds` and its like are undefined in a run that was started by hand."""
    undefined = re.compile(
        r"\{\{[^}]*\b(?<!\.)(ds|ts|data_interval_start|data_interval_end|execution_date|prev_ds"
        r"|next_ds|ds_nodash|ts_nodash)\b(?!\s*\()"
    )
    assert undefined.search("{{ ds }}")
    assert undefined.search("{{ macros.ds_add(ds, 1) }}")
    assert not undefined.search("{{ dag_run.run_after | string }}")
    for path in DAGS.rglob("*.py"):
        text = path.read_text().replace("| ds }}", "}}")
        assert not undefined.search(text), path


def test_one_run_at_a_time_and_none_for_days_gone_by(described):
    for name, dag in described["dags"].items():
        assert dag["max_active_runs"] == 1, name
        assert dag["catchup"] is False, name
        assert dag["start_date"] is None, name


def test_what_simulates_and_what_is_an_alternative_waits_to_be_switched_on(described):
    paused = {name for name, dag in described["dags"].items() if dag["paused"]}
    assert paused == {"load_bronze_synthetic", "pipeline_lake", "pipeline_daily_cosmos"}


def test_every_task_is_retried_limited_owned_and_reported(described):
    for dag_id, task_id, task in tasks(described):
        where = f"{dag_id}.{task_id}"
        assert task["retries"] == (0 if task_id == "health" else 1), where
        assert task["retry_seconds"] == 300, where
        assert 0 < task["timeout_seconds"] <= 3 * 3600, where
        assert task["callbacks"] == ["task_failed"], where
        assert task["owner"] == "data_engineering", where


def test_every_dag_is_tagged_and_described(described):
    layers = {"bronze", "silver", "gold", "pipeline"}
    for name, dag in described["dags"].items():
        assert "o2r" in dag["tags"], name
        assert len(layers & set(dag["tags"])) == 1, name
        assert dag["doc"], name


def test_what_writes_to_a_target_has_the_one_slot_of_its_pool(described):
    pools = json.loads((ROOT / "airflow" / "pools.json").read_text())
    assert {pool["slots"] for pool in pools.values()} == {1}
    found = {(d, t): task["pool"] for d, t, task in tasks(described) if task["pool"] in pools}
    assert found == BUILDS
    for dag_id, task_id, task in tasks(described):
        writes = {"build", "publish", "seed", "run", "snapshot"} & set(task["arguments"])
        assert not writes or (dag_id, task_id) in BUILDS


def test_fresh_sources_come_before_every_build_of_bronze(described):
    for name in ("pipeline_daily", "pipeline_dev", "silver_layer_staging"):
        found = described["dags"][name]["tasks"]
        assert found["source_freshness"]["arguments"][-2:] == ["source", "freshness"]
        assert found["source_freshness"]["trigger_rule"] == "all_success"
        assert found["backfill"]["upstream"] == ["source_freshness"]
        [build] = [t for (dag, t) in BUILDS if dag == name]
        assert found[build]["upstream"] == ["backfill"]
        assert found[build]["trigger_rule"] == "none_failed"


def test_production_is_published_and_dev_is_built(described):
    commands = {
        (dag_id, task_id): [word for word in task["arguments"] if word[0] not in "{/"]
        for dag_id, task_id, task in tasks(described)
        if {"build", "publish"} & set(task["arguments"])
    }
    assert commands == {
        ("silver_layer_staging", "silver"): [
            "build", "--target", "prod", "--exclude", "path:models/marts",
        ],
        ("gold_layer_marts", "gold"): ["publish", "--target", "prod", "--only-gold"],
        ("pipeline_daily", "publish"): ["publish", "--target", "prod", "--save-manifest"],
        ("pipeline_dev", "build"): ["build", "--target", "dev"],
        ("pipeline_lake", "build"): ["build", "--engine"],
    }  # fmt: skip


def test_production_is_examined_last(described):
    found = described["dags"]["pipeline_daily"]["tasks"]
    assert found["health"]["arguments"] == ["health", "--target", "prod"]
    assert found["health"]["upstream"] == ["documentation"]
    assert found["documentation"]["upstream"] == ["publish"]


def test_dashboards_follow_production_where_there_is_a_metabase(tmp_path, described):
    """And hold nothing back: the run fails with them, after all else is done."""
    found = described["dags"]["pipeline_daily"]["tasks"]
    assert found["dashboards"]["arguments"][:2] == ["metabase", "provision"]
    assert found["dashboards"]["upstream"] == ["publish"]
    assert [name for name, task in found.items() if "dashboards" in task["upstream"]] == []
    assert found["dashboards"]["only_if"] == ""
    there = describe(tmp_path, METABASE_URL="http://metabase:3000")["dags"]["pipeline_daily"]
    assert there["tasks"]["dashboards"]["only_if"] == "http://metabase:3000"


def test_layers_follow_one_another(described):
    produced = {
        asset: {dag for dag, _, task in tasks(described) if asset in task["outlets"]}
        for asset in ("o2r_bronze", "o2r_silver", "o2r_gold")
    }
    assert produced == {
        "o2r_bronze": {"load_config_bronze", "load_bronze_synthetic", "load_bronze_files"},
        "o2r_silver": {"silver_layer_staging"},
        "o2r_gold": {"gold_layer_marts", "pipeline_daily", "pipeline_lake"},
    }
    assert {n: dag["assets"] for n, dag in described["dags"].items() if dag["assets"]} == {
        "silver_layer_staging": ["o2r_bronze"],
        "gold_layer_marts": ["o2r_silver"],
    }


def test_builds_take_days_and_a_full_refresh(described):
    """But neither gold, which has no incremental model, nor another engine, which builds all."""
    assert described["dags"]["gold_layer_marts"]["params"] == {}
    assert set(described["dags"]["pipeline_lake"]["params"]) == {"engine"}
    others = {"load_config_bronze", "gold_layer_marts", "pipeline_lake"}
    for dag_id in {dag for dag, _ in BUILDS} - others:
        params = described["dags"][dag_id]["params"]
        assert {n: (p["type"], p.get("format")) for n, p in params.items()} == {
            "from": (["null", "string"], "date"),
            "to": (["null", "string"], "date"),
            "full_refresh": ("boolean", None),
        }, dag_id


def test_another_engine_builds_from_what_was_exported(tmp_path, described):
    found = described["dags"]["pipeline_lake"]["tasks"]
    assert found["export"]["arguments"] == ["lake", "export"]
    assert found["export"]["upstream"] == ["source_freshness"]
    assert found["build"]["upstream"] == ["export"]
    assert found["health"]["upstream"] == ["documentation"]
    chosen = describe(tmp_path, O2R_ENGINE="spark")["dags"]["pipeline_lake"]["params"]["engine"]
    assert chosen["enum"] == ["duckdb", "spark"]


def test_without_the_clock_dags_follow_assets_only(tmp_path, described):
    silent = describe(tmp_path, O2R_CLOCK="off")["dags"]
    assert {dag["schedule"] for dag in silent.values()} == {None}
    assert all(dag["assets"] == described["dags"][name]["assets"] for name, dag in silent.items())


def test_cosmos_says_what_it_waits_for(described):
    assert set(described["dags"]["pipeline_daily_cosmos"]["tasks"]) == {"no_manifest"}
