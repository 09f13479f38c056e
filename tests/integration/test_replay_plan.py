"""Deliveries of a replay: every row once and on time, but for the faults that were asked for."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from o2r.contracts import load_contracts
from o2r.errors import UserError
from o2r.replay.faults import FAULTS, FUTURE_DAYS, LATE_DAYS, LONG_TRANSACTION, _corrected, mix_in
from o2r.replay.plan import NEVER, Evening, EventTable, Plan, cut
from o2r.replay.run import FEWEST_DAYS, read_choices
from o2r.settings import find_project
from o2r.synthetic import SimulationConfig, generate
from o2r.synthetic.knowledge import instants, known_at
from o2r.synthetic.schemas import schemas

END = date(2026, 11, 21)
DAYS = 12
REQUESTS = "inference_user_token_usage_proprietary"
REVENUE = "revenue_account_daily"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    folder = tmp_path_factory.mktemp("replay") / "company"
    generate(SimulationConfig(end_date=END, accounts=12, weeks=9, events=4_000, seed=5), folder)
    return {path.stem: pq.read_table(path) for path in sorted(folder.glob("*.parquet"))}


def planned(
    company: dict[str, pa.Table], *faults: str, days: int = DAYS, seed: int = 5, end: date = END
) -> Plan:
    contracts = load_contracts(find_project() / "dbt")
    plan = cut(company, contracts, end - timedelta(days=days - 1), days)
    mix_in(plan, faults, seed)
    return plan


def key_of(table: EventTable, rows: pa.Table) -> Iterator[tuple]:
    columns = [name for name in table.contract.primary_key if name != "loaded_at"]
    return zip(*(rows[name].to_pylist() for name in columns), strict=True)


def struck(evening: Evening) -> set[str]:
    parts = (*evening.files, *evening.inserts, *evening.statements, *evening.taken_back)
    return {part.fault for part in parts} - {None}


def files(plan: Plan, fault: str | None) -> list:
    return [
        (number, file)
        for number, evening in enumerate(plan.evenings)
        for file in evening.files
        if file.fault == fault
    ]


def ids(rows: list[pa.Table]) -> Counter[str]:
    return Counter(name for part in rows for name in part["request_id"].to_pylist())


def event_days(table: pa.Table, column: str) -> list[date]:
    return [
        date(1970, 1, 1) + timedelta(days=int(d)) for d in instants(table[column]) // 86_400_000_000
    ]


def test_every_table_says_when_its_rows_are_known():
    assert all(len(known_at(schema.empty_table())) == 0 for schema in schemas().values())


def test_without_faults_every_row_known_by_the_last_evening_comes_once_and_on_time(company):
    plan = planned(company)
    for name, rows in company.items():
        parts = [(n, file.rows) for n, file in files(plan, None) if file.table == name]
        last = plan.evenings[-1].at.timestamp() * 1e6
        assert sum(len(part) for _, part in parts) == int((known_at(rows) <= last).sum())
        for number, part in parts:
            at = plan.evenings[number].at
            assert known_at(part).max() <= at.timestamp() * 1e6
            if number:
                day_before = (at - timedelta(days=1)).timestamp() * 1e6
                assert known_at(part).min() > day_before


def test_a_day_is_delivered_in_two_parts(company):
    plan = planned(company)
    parts = [file.rows for _, file in files(plan, None) if file.table == REQUESTS]
    days = Counter(day for part in parts for day in set(event_days(part, "event_timestamp")))
    assert days[END - timedelta(days=3)] == 2


def test_the_same_seed_gives_the_same_plan(company):
    one, same, other = (planned(company, *FAULTS, seed=seed) for seed in (5, 5, 6))
    assert one.evenings == same.evenings
    assert one.evenings != other.evenings


def test_leaving_a_fault_out_changes_no_other(company):
    every, fewer = planned(company, *FAULTS), planned(company, *(set(FAULTS) - {"future"}))
    for fault in ("late", "correction", "move", "reseg"):
        assert files(every, fault) == files(fewer, fault)


@pytest.mark.parametrize("days", [FEWEST_DAYS, DAYS])
def test_every_fault_strikes_in_a_replay_of_any_length(company, days):
    plan = planned(company, *FAULTS, days=days)
    found = {fault for evening in plan.evenings for fault in struck(evening)}
    assert found == set(FAULTS) - {"kill"}
    assert any(evening.is_killed for evening in plan.evenings)
    assert any(evening.is_built_twice for evening in plan.evenings)


def test_two_snapshots_of_a_day_taken_anew_are_one(company):
    table = next(t for t in planned(company, "foreign").events if t.name == REVENUE)
    corrected = _corrected(table, table.rows, 5, END)
    keys = Counter(key_of(table, corrected))
    assert max(keys.values()) == 1
    assert len(keys) < len(table.rows), "some days have two snapshots"


def test_every_fault_strikes_whatever_the_end_date(company):
    """And no tool writes a key twice in one insert, which the server would refuse."""
    for day in range(8):
        plan = planned(company, *FAULTS, days=FEWEST_DAYS, seed=day, end=END - timedelta(days=day))
        tables = {table.name: table for table in plan.events}
        for evening in plan.evenings:
            for insert in evening.inserts:
                keys = Counter(key_of(tables[insert.table], insert.rows))
                assert max(keys.values(), default=1) == 1, (evening.day, insert.fault)
        found = {fault for evening in plan.evenings for fault in struck(evening)}
        assert found == set(FAULTS) - {"kill"}


def test_late_rows_come_so_many_days_later_and_only_then(company):
    plan = planned(company, "late")
    late = files(plan, "late")
    assert {file.label for _, file in late} == {f"late_{lag}" for lag in LATE_DAYS}
    for number, file in late:
        column = "revenue_date" if file.table == REVENUE else "event_timestamp"
        lag = timedelta(days=int(file.label.removeprefix("late_")))
        assert set(event_days(file.rows, column)) <= {plan.evenings[number].day - lag}
    parts = [f.rows for _, f in files(plan, None) + late if f.table == REQUESTS]
    assert set(ids(parts).values()) == {1}
    without = [f.rows for _, f in files(planned(company), None) if f.table == REQUESTS]
    assert ids(parts) == ids(without)


def test_what_another_tool_inserts_is_in_no_file_and_part_of_it_committed_late(company):
    plan = planned(company, "foreign")
    inserts = [i for evening in plan.evenings for i in evening.inserts if i.table == REQUESTS]
    in_files = ids([file.rows for _, file in files(plan, None) if file.table == REQUESTS])
    inserted = ids([insert.rows for insert in inserts])
    assert inserted - in_files
    assert len(in_files + inserted) == len(in_files | inserted)
    assert any(insert.age == LONG_TRANSACTION and len(insert.rows) for insert in inserts)


def test_corrections_keep_the_key_and_change_the_numbers(company):
    plan = planned(company, "correction")
    original = {row["request_id"]: row for row in company[REQUESTS].to_pylist()}
    for _, file in files(plan, "correction"):
        if file.table == REQUESTS:
            for row in file.rows.to_pylist():
                old = original[row["request_id"]]
                assert row["event_timestamp"] == old["event_timestamp"]
                assert row["input_tokens"] == 3 * old["input_tokens"] + 1
        elif file.table == REVENUE:
            assert min(file.rows["snapshot_date"].to_pylist()) > max(
                event_days(file.rows, "revenue_date")
            )


def test_moved_rows_leave_a_day_on_which_others_arrive_later(company):
    plan = planned(company, "move")
    original = {
        row["request_id"]: row["event_timestamp"].date() for row in company[REQUESTS].to_pylist()
    }
    by_step = {
        file.label[-1]: (number, file.rows)
        for number, file in files(plan, "move")
        if file.table == REQUESTS and file.label.startswith("move_1_")
    }
    assert by_step["1"][0] < by_step["2"][0] < by_step["3"][0]
    moved, arriving = by_step["1"][1], by_step["2"][1]
    names = [name.strip() for name in moved["request_id"].to_pylist()]
    left = {original[name] for name in names}
    assert all(
        day != original[name]
        for name, day in zip(names, event_days(moved, "event_timestamp"), strict=True)
    )
    assert set(event_days(arriving, "event_timestamp")) == left
    assert not set(arriving["request_id"].to_pylist()) & set(original)
    assert max(event_days(moved, "event_timestamp")) > plan.evenings[by_step["1"][0]].day


def test_future_rows_are_ahead_by_days_and_by_years(company):
    for number, file in files(plan := planned(company, "future"), "future"):
        column = "revenue_date" if file.table == REVENUE else "event_timestamp"
        day = plan.evenings[number].day
        ahead = [(event - day).days for event in event_days(file.rows, column)]
        assert ahead == list(FUTURE_DAYS)


def test_an_evening_without_files_loses_no_row(company):
    plan = planned(company, "empty")
    assert [n for n, evening in enumerate(plan.evenings) if not evening.files] == [3, 10]
    assert {len(file.rows) for _, file in files(plan, "empty")} == {0}
    rows = {
        name: sum(len(file.rows) for _, file in files(plan, None) if file.table == name)
        for name in company
    }
    before = planned(company)
    assert rows == {
        name: sum(len(file.rows) for _, file in files(before, None) if file.table == name)
        for name in company
    }


def test_accounts_change_segment_now_and_as_of_earlier(company):
    plan = planned(company, "reseg")
    ages = {
        (plan.evenings[number].at - at).days
        for number, file in files(plan, "reseg")
        for at in file.rows["date_updated"].to_pylist()
    }
    assert ages == {0, 12}


def test_rows_taken_for_a_fault_are_marked(company):
    plan = planned(company, "late")
    table = next(table for table in plan.events if table.name == REQUESTS)
    late = sum(len(file.rows) for _, file in files(plan, "late") if file.table == REQUESTS)
    after_the_end = known_at(table.rows) > plan.evenings[-1].at.timestamp() * 1e6
    assert int(np.sum((table.arrival == NEVER) & ~after_the_end)) == late > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"faults": "late,lost"}, "unknown faults lost: choose from late, foreign"),
        ({"days": 3}, "days must be at least 6"),
        ({"end": "tomorrow"}, "the last evening must be YYYY-MM-DD, not tomorrow"),
        ({"end": "2999-01-01"}, "the last evening must be over"),
    ],
)
def test_choices_that_cannot_be_are_named(changes, message):
    with pytest.raises(UserError, match=message):
        read_choices(**{"days": 45, "faults": "all", "end": None} | changes)


def test_no_file_name_is_used_twice_on_an_evening(company):
    for evening in planned(company, *FAULTS, days=DAYS).evenings:
        names = [Path(file.name) for file in evening.files]
        assert len(names) == len(set(names))
