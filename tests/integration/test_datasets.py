"""The datasets that come with the project, and that two of them never mix unasked."""

import json

import pytest

from o2r.bronze.loader import load
from o2r.demo.datasets import load_dataset
from o2r.errors import UserError

TICKETS = """ticket_id,account_id,created_at,resolved_at,last_updated
t1,a1,2026-01-05 09:00,2026-01-05 10:00,2026-01-05 10:00
"""

STATED = {
    *("feed_statements", "metric_targets", "sla_targets"),
    *("support_schedules", "support_hours", "support_holidays"),
}
"""What the book's company is made to state of itself."""


def test_chapter12(warehouse, query):
    results = load_dataset("chapter12", warehouse)
    book = [result.received for result in results if result.table not in STATED]
    assert book == [10, 3, 7, 35, 35]
    assert {result.table for result in results} > STATED
    assert all(result.inserted == result.received for result in results)
    assert all(result.already_loaded for result in load_dataset("chapter12", warehouse))
    assert query(
        warehouse,
        "select revenue_date::text, snapshot_date::text, sum(gross_revenue_input_tokens) "
        "from raw_bronze.revenue_account_daily group by 1, 2 order by 1 limit 1",
    ) == [("2026-01-05", "2026-01-12", 49250)]
    assert query(
        warehouse,
        "select count(*) from raw_bronze.inference_user_token_usage_proprietary "
        "where error_code = 'E500'",
    ) == [(2,)]


def test_datasets_do_not_mix_unless_told(warehouse, query, tmp_path):
    (tmp_path / "support_tickets.csv").write_text(TICKETS)
    load(tmp_path, settings=warehouse)
    with pytest.raises(UserError, match=r"holds the dataset 'files', not 'chapter12'.*--mix"):
        load_dataset("chapter12", warehouse)
    assert query(warehouse, "select distinct dataset from ops.load_batches") == [("files",)]
    load_dataset("chapter12", warehouse, mix=True)
    assert query(warehouse, "select count(distinct dataset) from ops.load_batches") == [(2,)]


def test_demo_needs_generated_files(warehouse, tmp_path):
    settings = warehouse.model_copy(update={"project": tmp_path, "home": tmp_path})
    with pytest.raises(UserError, match="run `o2r generate`"):
        load_dataset("demo", settings)


def test_demo_brings_its_truth_and_is_a_dataset_by_its_manifest(
    warehouse, query, monkeypatch, tmp_path
):
    monkeypatch.setattr(type(warehouse), "demo_dir", tmp_path)
    effect = {"effect": "e", "cause": "c", "outcome": "o", "elasticity": -0.5, "description": "d"}
    (tmp_path / "support_tickets.csv").write_text(TICKETS)
    (tmp_path / "manifest.json").write_text("{}")
    for lag in (3, None):
        (tmp_path / "synthetic_truth.json").write_text(json.dumps([{**effect, "lag_weeks": lag}]))
        load_dataset("demo", warehouse)
        assert query(warehouse, "select effect, lag_weeks from ops.synthetic_truth") == [("e", lag)]
    (tmp_path / "manifest.json").write_text('{"seed": 8}')
    with pytest.raises(UserError, match="holds the dataset 'demo-"):
        load_dataset("demo", warehouse)
