"""`o2r land` and `o2r backfill`: what they load, refuse and note."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from o2r.bronze.backfill import mark_stale
from o2r.bronze.loader import load_each
from o2r.cli.main import app
from o2r.errors import UserError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "tools"

TICKETS = (
    "ticket_id,account_id,created_at,priority,category,status,last_updated\n"
    "{},acc-00001,2026-10-01,p3,other,open,2026-10-01\n"
)


def test_a_refused_file_keeps_out_no_other(warehouse, tmp_path, query):
    (tmp_path / "support_tickets__1.csv").write_text(TICKETS.format("one"))
    (tmp_path / "nothing_known.csv").write_text("a\n1\n")
    (tmp_path / "support_tickets__0.csv").write_text(TICKETS.replace("ticket_id", "surprise"))
    results, refused = load_each(tmp_path, settings=warehouse)
    assert [result.source_file for result in results] == ["support_tickets__1.csv"]
    assert [line.split(":")[0] for line in refused] == [
        "nothing_known.csv", "support_tickets__0.csv",
    ]  # fmt: skip
    assert query(warehouse, "select ticket_id from raw_bronze.support_tickets") == [("one",)]
    again, _ = load_each(tmp_path, settings=warehouse)
    assert [result.already_loaded for result in again] == [True]


def test_exports_of_tools_land_as_they_load(warehouse, tmp_path, monkeypatch):
    """Day after day: what is there already is a no-op, what one file lacks another has."""
    landing = tmp_path / "landing"
    shutil.copytree(EXAMPLES / "zendesk", landing / "zendesk")
    for name in ("O2R_LANDING", "O2R_HOME", "POSTGRES_DB"):
        value = {"O2R_LANDING": landing, "O2R_HOME": warehouse.home}.get(name, warehouse.database)
        monkeypatch.setenv(name, str(value))
    run = CliRunner().invoke(app, ["land", "--from", "zendesk,statuspage"])
    assert run.exit_code == 0, run.output
    assert "2 new files of 2, 33 rows inserted, 1 quarantined" in run.output
    shutil.copytree(EXAMPLES / "statuspage", landing / "statuspage")
    (landing / "zendesk" / "tickets__2.json").write_text("[{")
    run = CliRunner().invoke(app, ["land", "--from", "zendesk,statuspage"])
    assert run.exit_code == 1
    assert "1 new files of 4, 5 rows inserted, 0 quarantined" in run.output
    assert "refused: zendesk/tickets__2.json: " in run.output
    run = CliRunner().invoke(app, ["land"])
    assert "skipped: zendesk/tickets.json: named after no bronze table" in run.output


def test_a_folder_without_files_is_no_error(warehouse, tmp_path):
    assert load_each(tmp_path, settings=warehouse) == ([], [])


def test_a_backfill_notes_every_day_of_every_event_table(warehouse, query):
    found = mark_stale(warehouse, "2026-02-27", "2026-03-02")
    assert found.days == 4
    rows = query(
        warehouse,
        "select table_name, count(*), count(distinct change_number), min(event_date)::text, "
        "max(event_date)::text from ops.changed_days group by 1",
    )
    assert {row[0] for row in rows} == set(found.tables)
    assert len(found.tables) > 2
    assert {row[1:] for row in rows} == {(4, 1, "2026-02-27", "2026-03-02")}
    mark_stale(warehouse, "2026-02-27", "2026-02-27")
    changes = "select count(distinct change_number) from ops.changed_days"
    assert query(warehouse, changes) == [(2,)]


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2026-13-01", "2026-12-01", "--from must be YYYY-MM-DD, not 2026-13-01"),
        ("2026-11-01", "None", "--to must be YYYY-MM-DD, not None"),
        ("2026-11-02", "2026-11-01", "is before the first"),
        ("1990-01-01", "2026-11-01", "build everything with --full-refresh"),
    ],
)
def test_what_is_no_span_of_days_is_refused(warehouse, query, first, last, message):
    with pytest.raises(UserError, match=message):
        mark_stale(warehouse, first, last)
    assert query(warehouse, "select count(*) from ops.changed_days") == [(0,)]
