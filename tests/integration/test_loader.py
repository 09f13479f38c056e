"""`o2r load`: every row is inserted, a duplicate, or in quarantine, whatever the file is like."""

import csv
import gzip
import io
import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from o2r.bronze.files import find_files
from o2r.bronze.loader import load
from o2r.bronze.records import csv_records
from o2r.bronze.staging import stage
from o2r.bronze.survey import survey
from o2r.errors import UserError
from o2r.warehouse import connect

USAGE = "inference_user_token_usage_proprietary"
TICKETS = "support_tickets"
HEADER = "ticket_id,account_id,created_at,resolved_at,csat,reopen_count,last_updated\n"
GOOD = "t1,a1,2026-01-05 09:00,2026-01-05 10:00,4.5,0,2026-01-05 10:00\n"


def counts(result):
    return result.received, result.inserted, result.duplicate, result.quarantined


def reasons(bronze):
    return bronze(
        "select row_number, reason, column_name from ops.quarantined_rows "
        "order by batch_id, row_number"
    )


# ---- good files


def test_rows_arrive_typed_in_utc_with_their_origin(deliver, bronze):
    result = deliver(
        "ticket_id,account_id,created_at,last_updated,csat\n"
        "t1,a1,2026-01-05 09:00:00,2026-01-05T10:00:00Z,\n"
        "t2,a1,2026-01-05 09:00:00+09:00,2026-01-05,4.5\n"
    )
    assert counts(result) == (2, 2, 0, 0)
    rows = bronze(
        f"select ticket_id, created_at, last_updated, csat, batch_id, source_file "
        f"from raw_bronze.{TICKETS} order by 1"
    )
    day = datetime(2026, 1, 5, tzinfo=UTC)
    origin = (result.batch_id, f"{TICKETS}.csv")
    assert rows == [
        ("t1", day + timedelta(hours=9), day + timedelta(hours=10), None, *origin),
        ("t2", day, day, 4.5, *origin),
    ]


def test_session_zone_changes_nothing(deliver, bronze, monkeypatch):
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    deliver(HEADER + GOOD)
    assert bronze(f"select created_at from raw_bronze.{TICKETS}") == [
        (datetime(2026, 1, 5, 9, tzinfo=UTC),)
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_mark_and_quoted_newline(deliver, bronze, end, mark):
    text = f"{mark}ticket_id,account_id,created_at,last_updated,channel{end}"
    text += f't1,a1,2026-01-05,2026-01-05,"a ""b"", c\nd"{end}t2,"",2026-01-05,2026-01-05,""{end}'
    result = deliver(text)
    assert counts(result) == (2, 1, 0, 1)
    assert bronze(f"select channel from raw_bronze.{TICKETS}") == [('a "b", c\nd',)]
    assert reasons(bronze) == [(2, "account_id: required", "account_id")]


def test_alias_of_a_renamed_column(deliver, bronze):
    deliver("ticket_id,customer_id,created_at,last_updated\nt1,a1,2026-01-05,2026-01-05\n")
    assert bronze(f"select account_id from raw_bronze.{TICKETS}") == [("a1",)]


def test_three_formats_and_gzip_give_the_same_rows(deliver, bronze, tmp_path):
    rows = [
        {
            "request_id": f"r{n}",
            "account_id": "a",
            "input_tokens": n,
            "latency_ms": n / 8,
            "event_timestamp": datetime(2026, 1, 31, 23, 59, n % 60, n, tzinfo=UTC),
            "error_code": None if n % 2 else 'é,"\n',
        }
        for n in range(100)
    ]
    texts = [{**row, "event_timestamp": row["event_timestamp"].isoformat()} for row in rows]
    lines = "".join(json.dumps(row) + "\n" for row in texts)
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, rows[0])
    writer.writeheader()
    writer.writerows(texts)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")

    assert counts(deliver(buffer.getvalue(), f"{USAGE}.csv")) == (100, 100, 0, 0)
    assert counts(deliver(lines, f"{USAGE}.ndjson")) == (100, 0, 100, 0)
    zipped = gzip.compress((lines + "\n").encode())
    assert counts(deliver(zipped, f"{USAGE}__2.jsonl.gz")) == (100, 0, 100, 0)
    parquet = (tmp_path / "p.parquet").read_bytes()
    assert counts(deliver(parquet, f"{USAGE}.parquet")) == (100, 0, 100, 0)


def test_parquet_types(deliver, bronze, tmp_path):
    table = pa.table(
        {
            "account_id": pa.array(["1"]).dictionary_encode(),
            "date_created": pa.array([datetime(2026, 1, 1, 12)], pa.timestamp("ns")),
            "date_updated": pa.array(
                [datetime(2026, 1, 1, 12)], pa.timestamp("us", tz="America/New_York")
            ),
            "is_active": [True],
            "cs_score": pa.array([None], pa.null()),
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    result = deliver((tmp_path / "x.parquet").read_bytes(), "customer_details.parquet")
    assert counts(result) == (1, 1, 0, 0)
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert bronze(
        "select date_created, date_updated, is_active, cs_score from raw_bronze.customer_details"
    ) == [(noon, noon, True, None)]


def test_folder_with_parts(warehouse, tmp_path, query):
    part = tmp_path / "in" / USAGE / "event_date=2026-01-05"
    part.mkdir(parents=True)
    for number in range(2):
        rows = [{"request_id": str(number), "account_id": "a", "event_timestamp": "2026-01-05"}]
        pq.write_table(pa.Table.from_pylist(rows), part / f"part-{number}.parquet")
    results = load(tmp_path / "in", settings=warehouse)
    assert [result.source_file for result in results] == [
        f"{USAGE}/event_date=2026-01-05/part-{number}.parquet" for number in range(2)
    ]
    assert query(warehouse, f"select count(*) from raw_bronze.{USAGE}") == [(2,)]


def test_tables_side_by_side_and_the_files_of_each_in_order(warehouse, tmp_path, query):
    invoices = "invoice_id,account_id,invoice_date,amount,currency,status,last_updated\n"
    for number in range(5):
        ticket = GOOD.replace("4.5", f"{number + 1}")
        (tmp_path / f"{TICKETS}__{number}.csv").write_text(HEADER + ticket)
        (tmp_path / f"invoices__{number}.csv").write_text(
            f"{invoices}i,a,2026-01-05,{number},USD,paid,2026-01-05\n"
        )
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "web_events.csv").write_text(
            f"event_id,event_timestamp,event_type,page_url\ne,2026-01-05,pageview,{number}\n"
        )
    mapping = tmp_path / "mapping.yml"
    mapping.write_text(
        f"files: {{{TICKETS}__2.csv: {{expressions: {{csat: 1 / (csat::int - 3)}}}}}}"
    )
    with pytest.raises(UserError, match="nothing loaded: division by zero"):
        load(tmp_path, mapping, settings=warehouse)
    versions = f"select csat from raw_bronze.{TICKETS} order by loaded_at"
    assert query(warehouse, versions) == [(1,), (2,)]

    results = load(tmp_path, settings=warehouse)
    names = [f"{number}/web_events.csv" for number in range(5)]
    names += [f"{table}__{number}.csv" for table in ("invoices", TICKETS) for number in range(5)]
    assert [result.source_file for result in results] == names
    assert query(warehouse, versions) == [(number + 1,) for number in range(5)]
    for table, column in (("invoices", "amount"), ("web_events", "page_url::int")):
        assert query(warehouse, f"select {column} from raw_bronze.{table} order by loaded_at") == [
            (number,) for number in range(5)
        ]


def test_header_only_is_a_batch_of_no_rows(deliver, bronze):
    assert counts(deliver(HEADER)) == (0, 0, 0, 0)
    assert bronze("select received from ops.load_batches") == [(0,)]


def test_months_get_partitions_and_strays_do_not_make_hundreds(deliver, bronze, monkeypatch):
    monkeypatch.setattr("o2r.bronze.split.NEW_PARTITIONS", 2)
    stamps = [
        "2026-01-31T23:59:59Z",
        "2026-02-01T00:00:00Z",
        "2026-02-02",
        "2026-01-01",
        "2001-01-01",
    ]
    rows = "".join(f"r{n},a,{stamp}\n" for n, stamp in enumerate(stamps))
    deliver("request_id,account_id,event_timestamp\n" + rows, f"{USAGE}.csv")
    assert bronze(
        f"select replace(tableoid::regclass::text, 'raw_bronze.{USAGE}', ''), count(*) "
        f"from raw_bronze.{USAGE} group by 1 order by 1"
    ) == [("_default", 1), ("_y2026m01", 2), ("_y2026m02", 2)]


# ---- bad rows


def test_reasons_columns_and_original(deliver, bronze):
    rows = [
        GOOD,
        ",a1,2026-01-05,,,,2026-01-05\n",
        "t2,a1,yesterday,,high,0,2026-01-05\n",
        "t3,a1,2026-01-05,2026-01-04,9,-1,2026-01-05\n",
        "t4,a1,2026-01-05,,NaN,,2026-01-05\n",
        "t5,a1,2026-01-05,,,\n",
        "t6,a1,05/01/2026,,,1.5,infinity\n",
        "t7,  ,2026-01-05,,1e20,99999999999,2026-02-30\n",
    ]
    assert counts(deliver(HEADER + "".join(rows))) == (8, 1, 0, 7)
    assert reasons(bronze) == [
        (2, "ticket_id: required", "ticket_id"),
        (
            3,
            "created_at: not a valid ISO 8601 timestamptz; csat: not a valid numeric(18,6)",
            "created_at",
        ),
        (
            4,
            "check failed: csat between 1 and 5; check failed: reopen_count >= 0; "
            "check failed: resolved_at is null or resolved_at >= created_at",
            "csat",
        ),
        (5, "csat: not a valid numeric(18,6)", "csat"),
        (6, "expected 7 columns, found 6", None),
        (
            7,
            "created_at: not a valid ISO 8601 timestamptz; reopen_count: not a valid integer; "
            "last_updated: not a valid ISO 8601 timestamptz",
            "created_at",
        ),
        (
            8,
            "account_id: required; reopen_count: not a valid integer; "
            "csat: not a valid numeric(18,6); last_updated: not a valid ISO 8601 timestamptz",
            "account_id",
        ),
    ]
    originals = bronze("select original from ops.quarantined_rows order by row_number")
    assert json.loads(originals[1][0])["csat"] == "high"
    assert originals[4][0] == "t5,a1,2026-01-05,,,"


@pytest.mark.parametrize(
    "value",
    [
        "now",
        "today",
        "infinity",
        "-infinity",
        "epoch",
        "01/02/2026",
        "Jan 5 2026",
        "1768270500",
        "2026-13-01",
        "2026-01-05T25:00",
    ],
)
def test_instants_that_are_no_facts(deliver, bronze, value):
    result = deliver(f"ticket_id,account_id,created_at,last_updated\nt,a,{value},2026-01-05\n")
    assert counts(result) == (1, 0, 0, 1)
    assert "created_at: not a valid ISO 8601 timestamptz" in reasons(bronze)[0][1]


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("2026-01-05", True),
        ("2026-01-05 00:00:00", True),
        ("2026-01-05T00:00:00.000Z", True),
        ("2026-01-05 23:00:00", False),
        ("20260105", False),
        ("today", False),
    ],
)
def test_dates(deliver, value, good):
    head = "invoice_id,account_id,invoice_date,amount,currency,status,last_updated\n"
    text = f"{head}i,a,{value},1,USD,paid,2026-01-05\n"
    assert counts(deliver(text, "invoices.csv")) == (1, int(good), 0, int(not good))


def test_three_percent_malformed(deliver, bronze):
    bad = {0: 'x{n},"a,2026-01-05,,,,2026-01-05\n', 33: "x{n},a\n", 66: "x{n},a,b,c,d,e,f,g,h\n"}
    rows = [bad.get(n % 100, "x{n},a,2026-01-05,,3,,2026-01-05\n").format(n=n) for n in range(3000)]
    assert counts(deliver(HEADER + "".join(rows))) == (3000, 2910, 0, 90)
    assert bronze("select count(*), count(distinct row_number) from ops.quarantined_rows") == [
        (90, 90)
    ]


def test_latin1_and_nul_are_quarantined_never_garbled(deliver, bronze):
    head = b"ticket_id,account_id,created_at,last_updated,channel\n"
    result = deliver(
        head + b"t1,a,2026-01-05,2026-01-05,caf\xe9\nt2,a,2026-01-05,2026-01-05,caf\xc3\xa9\n"
        b"t3,a,2026-01-05,2026-01-05,\0\n"
    )
    assert counts(result) == (3, 1, 0, 2)
    assert bronze(f"select channel from raw_bronze.{TICKETS}") == [("café",)]
    assert bronze("select original from ops.quarantined_rows order by row_number") == [
        ("t1,a,2026-01-05,2026-01-05,caf\\xe9",),
        ("t3,a,2026-01-05,2026-01-05,\\x00",),
    ]


def test_malformed_json_lines(deliver, bronze):
    good = {
        "ticket_id": "t",
        "account_id": "a",
        "created_at": "2026-01-05",
        "last_updated": "2026-01-05",
        "csat": 4.5,
        "channel": {"a": 1},
    }
    lines = [json.dumps(good), "{", "", "[]", json.dumps({**good, "csat": "x"}), "\udcff"]
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    assert counts(deliver(text, f"{TICKETS}.ndjson")) == (5, 1, 0, 4)
    assert bronze(f"select channel from raw_bronze.{TICKETS}") == [('{"a": 1}',)]
    assert [reason for _, reason, _ in reasons(bronze)] == [
        "not a JSON object",
        "not a JSON object",
        "csat: not a valid numeric(18,6)",
        "not valid UTF-8",
    ]


# ---- repeated rows and corrections


def test_repeated_and_conflicting_rows_of_one_file(deliver, bronze):
    other = GOOD.replace("4.5", "2")
    assert counts(deliver(HEADER + GOOD + other + GOOD + other + other)) == (5, 1, 2, 2)
    assert bronze(f"select csat from raw_bronze.{TICKETS}") == [(2,)]
    assert reasons(bronze) == [
        (1, "superseded by a later row of the same key in this file", None),
        (3, "superseded by a later row of the same key in this file", None),
    ]


def test_same_file_again_is_a_no_op_and_same_rows_are_duplicates(deliver, bronze):
    first = deliver(HEADER + GOOD)
    again = deliver(HEADER + GOOD, f"{TICKETS}__again.csv")
    assert again.already_loaded
    assert counts(again) == (0, 0, 0, 0)
    equal = deliver(HEADER + GOOD.replace("4.5", "4.50").replace("09:00", "09:00:00+00"))
    assert counts(equal) == (1, 0, 1, 0)
    assert bronze("select count(*) from ops.load_batches") == [(2,)]
    assert bronze(f"select batch_id from raw_bronze.{TICKETS}") == [(first.batch_id,)]


def test_correction_is_a_new_version_and_back_again_too(deliver, bronze):
    other = GOOD.replace("4.5", "2")
    for text in (GOOD, other, "\n" + other, "\n" + GOOD, "\n\n" + GOOD):
        deliver(HEADER + text)
    versions = bronze(f"select csat, loaded_at, batch_id from raw_bronze.{TICKETS} order by 2")
    assert [(csat, batch) for csat, _, batch in versions] == [(4.5, 1), (2, 2), (4.5, 4)]
    stamps = [loaded_at for _, loaded_at, _ in versions]
    assert stamps == sorted(set(stamps))


def test_event_moved_to_another_month_is_a_correction(deliver, bronze):
    for blank_lines, month in enumerate(("01", "02", "01")):  # so that no file comes twice
        text = f"request_id,account_id,event_timestamp\nr,a,2026-{month}-05\n"
        result = deliver(text + "\n" * blank_lines, f"{USAGE}.csv")
        assert counts(result) == (1, 1, 0, 0)
    assert bronze(f"select count(*) from raw_bronze.{USAGE}") == [(3,)]


def test_loaded_at_rises_even_when_the_clock_goes_back(deliver, bronze):
    deliver(HEADER + GOOD)
    bronze("update ops.load_batches set loaded_at = now() + interval '1 hour'")
    deliver(HEADER + GOOD.replace("t1", "t2"))
    assert bronze(
        "select count(*) from ops.load_batches a join ops.load_batches b "
        "on b.loaded_at > a.loaded_at and b.batch_id > a.batch_id"
    ) == [(1,)]


ROW = st.tuples(
    st.sampled_from(["k1", "k2", "k3", "", "k4"]),
    st.sampled_from(["2026-01-05", "2026-01-06", "no date"]),
    st.sampled_from(["", "3", "9", "x"]),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(files=st.lists(st.lists(ROW, max_size=12), min_size=1, max_size=3), quote=st.booleans())
def test_balance_and_latest_version_whatever_comes(files, quote, module_warehouse, query, tmp_path):
    query(
        module_warehouse, f"truncate ops.load_batches, ops.quarantined_rows, raw_bronze.{TICKETS}"
    )
    expected = {}
    for number, rows in enumerate(files):
        path = tmp_path / f"{TICKETS}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL if quote else csv.QUOTE_MINIMAL)
            writer.writerow(["ticket_id", "account_id", "created_at", "last_updated", "csat"])
            writer.writerows([key, "a", day, "2026-01-05", csat] for key, day, csat in rows)
            file.write("\n" * number)
        result = load(path, settings=module_warehouse)[0]
        if result.already_loaded:
            continue
        assert result.received == len(rows)
        assert result.received == result.inserted + result.duplicate + result.quarantined
        kept_out = query(
            module_warehouse,
            f"select count(*) from ops.quarantined_rows where batch_id = {result.batch_id}",
        )
        assert kept_out == [(result.quarantined,)]
        expected.update(
            {
                key: (day, csat)
                for key, day, csat in rows
                if key and day != "no date" and csat in ("", "3")
            }
        )
    latest = query(
        module_warehouse,
        "select distinct on (ticket_id) ticket_id, created_at::date::text, "
        f"coalesce(trunc(csat)::text, '') from raw_bronze.{TICKETS} "
        "order by ticket_id, loaded_at desc",
    )
    assert {key: (day, csat) for key, day, csat in latest} == expected


FIELD = st.sampled_from(
    ["", "a", '""', '"a"', '"a""b"', '"a\nb"', 'a"b"', '5"', ' "a"', '"a"b', '"a', "\\.", "a,b"]
)
LINE = st.tuples(
    FIELD, st.sampled_from([",", ",", ",", ""]), FIELD, st.sampled_from(["\n", "\r\n"])
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=st.lists(LINE, max_size=4))
def test_copy_and_python_read_the_same_records(lines, module_warehouse, tmp_path):
    """Where a CSV is regular, its raw bytes in COPY give what the record reader gives."""
    text = "".join(map("".join, lines))
    path = tmp_path / f"{TICKETS}.csv"
    path.write_text(f"x,y\n{text}", newline="")
    file = find_files(path)[0]
    connection = connect(module_warehouse)
    with connection.cursor() as cursor:
        stage(cursor, file, survey(file), lambda done: None)
        cursor.execute("select _problem, x, y from incoming order by _row")
        found = cursor.fetchall()
    connection.close()
    expected = [
        (problem, *(field or None for field in (*fields, None)[:2]))
        for problem, fields in csv_records(io.StringIO(text, newline=""), 2)
    ]
    assert found == expected


# ---- what stops a load


def stopped(deliver, content, message, **options):
    with pytest.raises(UserError, match=message) as caught:
        deliver(content, **options)
    assert "\n" not in str(caught.value)


def test_unknown_and_missing_columns(deliver, bronze):
    stopped(deliver, HEADER.replace("csat", "mood") + GOOD, "unknown column 'mood'.*--mapping")
    stopped(deliver, HEADER.replace("account_id,", "") + GOOD, "'account_id' .* is missing")
    stopped(deliver, '{"ticket_id": "t", "mood": 1}', "missing", name=f"{TICKETS}.ndjson")
    assert bronze("select count(*) from ops.load_batches") == [(0,)]


def test_one_bad_file_of_a_folder_stops_before_the_first_is_loaded(warehouse, tmp_path, query):
    (tmp_path / f"{TICKETS}.csv").write_text(HEADER + GOOD)
    (tmp_path / "web_events.csv").write_text(
        "event_id,event_timestamp,event_type,surprise\n1,2,3,4\n"
    )
    with pytest.raises(UserError, match="surprise"):
        load(tmp_path, settings=warehouse)
    assert query(warehouse, "select 1 from ops.load_batches") == []


def test_nothing_loaded_before_setup(server, tmp_path, query):
    query(server, "create database bare")
    (tmp_path / f"{TICKETS}.csv").write_text(HEADER + GOOD)
    with pytest.raises(UserError, match="run `o2r setup`"):
        load(tmp_path, settings=server.model_copy(update={"database": "bare"}))


def test_file_that_changes_while_it_is_loaded(deliver, tmp_path, bronze):
    path = tmp_path / f"{TICKETS}.csv"

    def grow(_name, _done, _total):
        if path.stat().st_size == len(HEADER + GOOD):
            path.write_text(HEADER + GOOD + GOOD)

    stopped(deliver, HEADER + GOOD, "changed while it was loaded", progress=grow)
    assert bronze(f"select 1 from raw_bronze.{TICKETS}") == []
