"""`o2r land` and `o2r backfill`: what they load, refuse and note."""

import pytest

from o2r.bronze.backfill import mark_stale
from o2r.bronze.loader import load_each
from o2r.errors import UserError

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
