"""Bronze notes which days have changed, whoever changes them."""

from datetime import date, datetime

import pytest

from o2r.bronze.loader import load
from o2r.builds.run import fingerprint
from o2r.warehouse import setup
from o2r.warehouse.query import Session

USAGE = "raw_bronze.inference_user_token_usage_proprietary"
HEADER = "request_id,account_id,event_timestamp,input_tokens\n"


@pytest.fixture
def changes(warehouse, query):
    """Give (kind, day) noted since the last call, for the proprietary feed."""
    seen = set()

    def new() -> set[tuple[str, date]]:
        noted = set(
            query(
                warehouse,
                "select kind, event_date, coalesce(batch_id, change_number) from ops.changed_days "
                "where table_name = 'inference_user_token_usage_proprietary'",
            )
        )
        fresh = {(kind, day) for kind, day, _ in noted - seen}
        seen.update(noted)
        return fresh

    return new


def deliver(folder, settings, name: str, *rows: str):
    path = folder / f"inference_user_token_usage_proprietary__{name}.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return load(path, settings=settings)


def test_a_load_notes_the_days_of_what_it_inserted_in_utc(warehouse, tmp_path, changes):
    deliver(
        tmp_path,
        warehouse,
        "a",
        "R1,A1,2026-01-05T23:30:00-02:00,1",
        "R2,A1,2026-01-07T00:30:00+01:00,1",
        "R3,A1,not a time,1",
    )
    assert changes() == {("batch", date(2026, 1, 6))}
    deliver(tmp_path, warehouse, "b", "R2,A1,2026-01-07T00:30:00+01:00,1")
    assert changes() == set()
    deliver(tmp_path, warehouse, "c", "R2,A1,2026-01-09T00:30:00+01:00,1")
    assert changes() == {("batch", date(2026, 1, 8))}


def test_erasure_notes_its_day_and_those_of_other_versions(warehouse, tmp_path, changes, query):
    deliver(
        tmp_path, warehouse, "a", "R1,A1,2026-01-05T10:00:00Z,1", "R2,A2,2026-01-06T10:00:00Z,1"
    )
    deliver(tmp_path, warehouse, "b", "R1,A1,2026-01-08T10:00:00Z,2")
    changes()
    query(warehouse, f"delete from {USAGE} where input_tokens = 2")
    assert changes() == {("edit", date(2026, 1, 5)), ("edit", date(2026, 1, 8))}
    query(warehouse, f"delete from {USAGE} where account_id = 'A9'")
    assert changes() == set()
    query(warehouse, f"update {USAGE} set event_timestamp = '2026-03-01Z' where request_id = 'R2'")
    assert changes() == {("edit", date(2026, 1, 6)), ("edit", date(2026, 3, 1))}
    query(warehouse, f"truncate {USAGE}")
    assert changes() == {("edit", date(2026, 1, 5)), ("edit", date(2026, 3, 1))}


def test_giving_a_month_its_partition_is_no_change(warehouse, changes, query):
    query(
        warehouse,
        f"insert into {USAGE} (request_id, account_id, event_timestamp) "
        "values ('R1', 'A1', '2026-01-05Z')",
    )
    query(warehouse, f"select ops.ensure_month_partition('{USAGE}', '2026-01-01')")
    assert query(warehouse, f"select count(*) from {USAGE}_y2026m01") == [(1,)]
    assert changes() == set()


def test_a_build_sees_loads_erasures_and_rows_of_other_tools(warehouse, tmp_path, query):
    states = [fingerprint(Session(warehouse), [])]

    def changed() -> bool:
        states.append(fingerprint(Session(warehouse), []))
        return states[-1] not in states[:-1]

    assert not changed()
    insert = (
        "insert into raw_bronze.csat_responses (response_id, account_id, contact, survey_type, "
        "score, answered_at, loaded_at) values (%s, 'A1', null, 'csat', 4, '2026-01-05Z', %s)"
    )
    query(warehouse, insert, ("S1", datetime(2026, 1, 6, 12)))
    assert changed()
    query(warehouse, insert, ("S2", datetime(2026, 1, 6, 11)))  # committed late
    assert changed()
    query(warehouse, "update raw_bronze.csat_responses set score = 5 where response_id = 'S1'")
    assert changed()
    query(warehouse, "delete from raw_bronze.csat_responses")
    assert changed()
    deliver(tmp_path, warehouse, "a", "R1,A1,2026-01-05T10:00:00Z,1")
    assert changed()
    setup(warehouse)
    assert not changed()
