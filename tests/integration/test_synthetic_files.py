"""The folder that `generate` leaves: same bytes, complete or absent, faults as announced."""

import csv
import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from o2r.synthetic import FAULTS, SimulationConfig, generate
from o2r.synthetic.faults import EVENT_TIME, RENAMED
from o2r.synthetic.schemas import TABLES, schemas
from o2r.synthetic.sources import quota

END = date(2026, 11, 21)
SMALL = SimulationConfig(end_date=END, accounts=25, weeks=6, events=4_000, seed=3)


def hashes(manifest) -> dict[str, str]:
    return {name: entry["sha256"] for name, entry in manifest.files.items()}


def small(**changes) -> SimulationConfig:
    return SimulationConfig(**{**vars(SMALL), **changes})


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean") / "demo"
    return folder, generate(SMALL, folder)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faulty") / "demo"
    return folder, generate(small(faults=FAULTS), folder)


def rows(folder: Path, name: str, *columns: str):
    return pq.read_table(folder / name, columns=list(columns) or None)


def test_same_config_gives_the_same_bytes(clean, tmp_path):
    again = generate(SMALL, tmp_path / "again")
    assert hashes(again) == hashes(clean[1])
    files = sorted(p.name for p in clean[0].iterdir())
    assert files == sorted(p.name for p in (tmp_path / "again").iterdir())
    for name in files:
        assert (clean[0] / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_another_seed_gives_other_bytes(clean, tmp_path):
    other = hashes(generate(small(seed=4), tmp_path / "other"))
    fixed = {
        "config_model_dimensions.parquet",
        "config_model_region_availability.parquet",
        "health_levels.parquet",
        "marketing_campaigns.parquet",
        "metric_targets.parquet",
        "plan_prices.parquet",
        "product_feature_releases.parquet",
        "sla_targets.parquet",
        "support_holidays.parquet",
        "support_hours.parquet",
        "support_schedules.parquet",
        "quota_default_rate_limits.parquet",
        "uptime_targets.parquet",
        "synthetic_truth.json",
    }
    assert {name for name, digest in hashes(clean[1]).items() if other[name] == digest} == fixed


def test_more_requests_change_only_the_feeds_that_count_them(clean, tmp_path):
    more = hashes(generate(small(events=8_000), tmp_path / "more"))
    changed = {name for name, digest in hashes(clean[1]).items() if more[name] != digest}
    assert changed == {f"{name}.parquet" for name in EVENT_TIME}


def test_every_table_has_a_file_and_the_manifest_counts_its_rows(clean):
    folder, manifest = clean
    assert {f"{name}.parquet" for name in TABLES} | {"synthetic_truth.json"} == set(manifest.files)
    for name in TABLES:
        counted = manifest.files[f"{name}.parquet"]["rows"]
        assert counted == pq.read_metadata(folder / f"{name}.parquet").num_rows
    assert manifest.rows == sum(manifest.files[f"{name}.parquet"]["rows"] for name in TABLES)
    assert json.loads((folder / "manifest.json").read_text())["config"] == SMALL.as_dict()


def test_present_files_are_left_alone_and_damaged_ones_replaced(tmp_path):
    folder = tmp_path / "demo"
    first = generate(SMALL, folder)
    before = (folder / "subscriptions.parquet").stat().st_ino
    assert generate(SMALL, folder) == first
    assert (folder / "subscriptions.parquet").stat().st_ino == before
    (folder / "subscriptions.parquet").write_bytes(b"damaged")
    assert generate(SMALL, folder) == first
    assert pq.read_metadata(folder / "subscriptions.parquet").num_rows > 0
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(world):
        raise RuntimeError("disk full")

    folder = tmp_path / "demo"
    generate(SMALL, folder)
    before = (folder / "manifest.json").read_text()
    monkeypatch.setattr(quota, "deliver", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        generate(small(seed=9), folder)
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    assert (folder / "manifest.json").read_text() == before


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="manifest"):
        generate(SMALL, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_foreign_file_among_generated_ones_is_not_lost(tmp_path):
    folder = tmp_path / "demo"
    generate(SMALL, folder)
    (folder / "notes.txt").write_text("precious")
    with pytest.raises(FileExistsError, match=r"notes\.txt"):
        generate(small(seed=9), folder)
    assert (folder / "notes.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accounts": 0}, "accounts must be an integer from 1 to 5000, not 0"),
        ({"weeks": 105}, "weeks must be an integer from 1 to 104"),
        ({"events": -1}, "events must be an integer from 0"),
        ({"seed": 1.5}, "seed must be an integer"),
        ({"end_date": "2026-11-21"}, r"end_date must be a datetime\.date"),
        ({"faults": ("late", "typo")}, r"unknown faults \['typo'\]"),
        ({"faults": "late"}, "faults must be a tuple"),
    ],
)
def test_a_bad_config_is_refused_with_the_name_of_the_field(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)


def test_order_and_repetition_of_faults_do_not_matter():
    assert small(faults=("future", "late", "late")) == small(faults=("late", "future"))


def test_late_events_are_moved_to_a_second_file(clean, faulty):
    for name, column in EVENT_TIME.items():
        late = rows(faulty[0], f"{name}__late.parquet", column)[column]
        age = [END - moment.date() for moment in late.to_pylist()]
        assert timedelta(days=3) <= min(age)
        assert max(age) <= timedelta(days=20)


def delivered_ids(folder: Path, name: str, key: str) -> list[str]:
    """Values of `key` in all Parquet and CSV deliveries of a table, bad rows included."""
    found = []
    for path in sorted(folder.glob(f"{name}*.parquet")):
        column = RENAMED.get(name, {}).get(key, key) if "__renamed" in path.name else key
        found += rows(folder, path.name, column)[column].to_pylist()
    for path in folder.glob(f"{name}__malformed.csv"):
        with path.open(newline="") as file:
            found += [row[key] for row in csv.DictReader(file)]
    return found


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("inference_user_token_usage_open_source", "request_id"),
        ("inference_user_token_usage_proprietary", "request_id"),
        ("product_usage_events", "event_id"),
        ("support_tickets", "ticket_id"),
        ("csat_responses", "response_id"),
        ("subscriptions", "subscription_id"),
    ],
)
def test_no_row_is_lost_by_faults(clean, faulty, name, key):
    true_ids = set(rows(clean[0], f"{name}.parquet", key)[key].to_pylist())
    delivered = delivered_ids(faulty[0], name, key)
    genuine = {i for i in delivered if i and not i.endswith("-future")}
    assert genuine == true_ids


def test_repeated_rows_are_exact_copies(faulty):
    name = "inference_user_token_usage_proprietary"
    table = rows(faulty[0], f"{name}.parquet")
    whole = {tuple(row.values()) for row in table.to_pylist()}
    distinct = pc.count_distinct(table["request_id"]).as_py()
    assert distinct < len(table)
    assert len(whole) == distinct


def test_malformed_rows_are_about_three_percent_and_of_three_kinds(tmp_path):
    config = small(events=60_000, faults=("malformed",))
    generate(config, tmp_path / "bad")
    path = tmp_path / "bad" / "inference_user_token_usage_open_source__malformed.csv"
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    number = sum(line["latency_ms"] == "12,5x" for line in lines)
    moment = sum(line["event_timestamp"] == "31/31/2026" for line in lines)
    no_key = sum(line["request_id"] == "" for line in lines)
    assert min(number, moment, no_key) > 0
    assert 0.015 < (number + moment + no_key) / len(lines) < 0.06


def test_renamed_files_use_other_column_names(faulty):
    for name, renamed in RENAMED.items():
        names = pq.read_schema(faulty[0] / f"{name}__renamed.parquet").names
        assert set(renamed.values()) <= set(names)
        assert not set(renamed) & set(names)
        assert len(names) == len(schemas()[name])


def test_currency_fault_mixes_currencies_inside_accounts(clean, faulty):
    def currencies(folder):
        table = rows(folder, "revenue_account_daily.parquet", "account_id", "currency_code")
        grouped = table.group_by("account_id").aggregate([("currency_code", "count_distinct")])
        return grouped["currency_code_count_distinct"].to_numpy()

    assert currencies(clean[0]).max() == 1
    assert 0 < np.mean(currencies(faulty[0]) > 1) < 0.5


def test_resegment_fault_adds_changes_inside_the_window(clean, faulty):
    def segments(folder):
        table = rows(folder, "customer_details.parquet", "account_id", "segment")
        grouped = table.group_by("account_id").aggregate([("segment", "count_distinct")])
        return (grouped["segment_count_distinct"].to_numpy() > 1).sum()

    assert segments(faulty[0]) > segments(clean[0])


def test_future_fault_and_nothing_else_delivers_future_rows(clean, faulty):
    for folder, expected in ((clean[0], False), (faulty[0], True)):
        for name, column in EVENT_TIME.items():
            latest = pc.max(rows(folder, f"{name}.parquet", column)[column]).as_py()
            assert (latest.date() > END) is expected
