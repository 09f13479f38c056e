"""A CSV that goes straight into typed columns leaves what it would leave by the way of text."""

import csv
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from o2r.bronze import door
from o2r.bronze.loader import load
from o2r.bronze.staging import FORMS
from o2r.contracts import load_contracts

USAGE = "inference_user_token_usage_proprietary"
REQUEST = {
    "request_id": "r",
    "account_id": "a",
    "input_tokens": "5",
    "latency_ms": "1.5",
    "traffic_type": "batch",
    "event_timestamp": "2026-01-05 10:00:00",
    "local_timestamp": "",
    "error_code": "",
}
INVOICE = {
    "invoice_id": "i",
    "account_id": "a",
    "invoice_date": "2026-01-05",
    "amount": "1",
    "currency": "USD",
    "status": "paid",
    "last_updated": "2026-01-05",
}
CUSTOMER = {
    "account_id": "a",
    "date_created": "2026-01-05",
    "date_updated": "2026-01-05",
    "is_active": "true",
}
INSTANTS = [
    *("2026-01-05T10:00:00Z", "2026-01-05 10:00:00.123456789+09:30", "2026-01-05", ""),
    *("2026-01-05 24:00:00", "2026-01-05 10:00:00 utc", "2026-01-05 10:00 PST", "2026-1-5", " "),
    *("20260105", "2026/01/05", "2026-01-05,10:00", "2026-01-05/10:00", "2026-01-05 BC", "now"),
    *("2026-13-05", "0026-01-05", " 2026-01-05", "infinity", "1999-12-31", "2999-01-01"),
]
NUMBERS = ["1_000", "0x1F", "-5", " 5", "5 ", "+5", "\t5", "00005", "٣", "", "x", "99999999999"]
DECIMALS = [
    *("NaN", "Infinity", "1e3", "0.0000001", "-0.0000001", "0.0000005", "0.000001", "0.00000000"),
    *("12.0000001", ".5", "5.", "1 000", "1,000", "1234567.1234567", "9999999999999"),
]
ODD = {
    (USAGE, "input_tokens"): [*NUMBERS, "1.0"],
    (USAGE, "latency_ms"): NUMBERS + DECIMALS,
    (USAGE, "event_timestamp"): INSTANTS,
    (USAGE, "local_timestamp"): INSTANTS,
    (USAGE, "request_id"): ["", " ", "x" * 251, "é" * 125, 'a"b', "a,b", "a\nb", "\\.", "NULL"],
    (USAGE, "traffic_type"): ["BATCH ", "lot", " ", '"'],
    ("invoices", "invoice_date"): [*INSTANTS, "2026-01-05 00:00:00", "2026-01-05T00:00:00Z"],
    ("customer_details", "is_active"): ["t", "YES", "maybe", " false", ""],
}
ROWS = {USAGE: REQUEST, "invoices": INVOICE, "customer_details": CUSTOMER}


@pytest.fixture
def both_ways(module_warehouse, query, monkeypatch):
    """Load a file straight and as text; returns whether COPY took it, and what each way left."""
    copied = []
    real = door.stage_typed

    def straight(*given):
        copied.append(real(*given))
        return copied[-1]

    def run(path):
        found = []
        for way in (straight, lambda *given: None):
            query(
                module_warehouse,
                f"truncate ops.load_batches, ops.quarantined_rows, ops.changed_days, "
                f"raw_bronze.{path.stem}",
            )
            monkeypatch.setattr(door, "stage_typed", way)
            result = load(path, settings=module_warehouse)[0]
            found.append(
                (
                    (result.received, result.inserted, result.duplicate, result.quarantined),
                    query(
                        module_warehouse,
                        "select to_jsonb(loaded) - 'loaded_at' - 'batch_id' "
                        f"from raw_bronze.{path.stem} loaded order by 1",
                    ),
                    query(
                        module_warehouse,
                        "select row_number, table_name, reason, column_name, original "
                        "from ops.quarantined_rows order by 1",
                    ),
                    query(module_warehouse, "select kind, event_date from ops.changed_days"),
                )
            )
        return copied[-1] is not None, *found

    return run


def write(path, rows, quoting=csv.QUOTE_MINIMAL, end="\n"):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], quoting=quoting, lineterminator=end)
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [(*place, value) for place, values in ODD.items() for value in values],
)
def test_one_odd_value_at_the_end(both_ways, tmp_path, table, column, value):
    rows = [ROWS[table] | {next(iter(ROWS[table])): f"k{n}"} for n in range(20)]
    path = tmp_path / f"{table}.csv"
    write(path, [*rows, ROWS[table] | {column: value}])
    _, straight, as_text = both_ways(path)
    assert straight == as_text
    assert straight[0][0] == 21


def test_which_files_are_copied(both_ways, tmp_path):
    """Plain ones are, also with rows that the contract forbids; one odd value makes it text."""
    path = tmp_path / f"{USAGE}.csv"
    rows = [REQUEST | {"request_id": f"r{n % 90}", "input_tokens": str(n % 90)} for n in range(100)]
    forbidden = [
        REQUEST | {"request_id": "r1", "input_tokens": "77"},
        REQUEST | {"input_tokens": "-1", "traffic_type": "lot"},
        REQUEST | {"account_id": "  ", "traffic_type": "lot"},
        REQUEST | {"request_id": "", "account_id": ""},
    ]
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
        for end in ("\n", "\r\n"):
            write(path, rows + forbidden, quoting, end)
            is_copied, straight, as_text = both_ways(path)
            assert is_copied
            assert straight == as_text
            assert straight[0] == (104, 90, 9, 5)
    write(path, [*rows, *forbidden, REQUEST | {"input_tokens": "1_0"}])
    is_copied, straight, as_text = both_ways(path)
    assert not is_copied
    assert straight == as_text


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                name: st.sampled_from([plain, plain, plain, *ODD.get((USAGE, name), ["", plain])])
                for name, plain in REQUEST.items()
            }
        ),
        min_size=1,
        max_size=6,
    ),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_whatever_comes(both_ways, tmp_path, rows, quoting):
    path = tmp_path / f"{USAGE}.csv"
    write(path, rows, quoting)
    _, straight, as_text = both_ways(path)
    assert straight == as_text


@pytest.mark.parametrize(
    ("column", "values", "is_copied"),
    [
        ("input_tokens", pa.array([1, None, -12345678]), True),
        ("input_tokens", pa.array([1.0, 2.5, 3.0]), False),
        ("latency_ms", pa.array([1, 2, 3], pa.decimal128(18, 6)), True),
        ("latency_ms", pa.array([Decimal("0.0000004"), None, None]), False),
        ("latency_ms", pa.array([0.5, 12.5, 1000.25]), True),
        ("latency_ms", pa.array([0.5, 1e-7, float("nan")]), False),
        ("event_timestamp", pa.array([datetime(2026, 1, 5)] * 3, pa.timestamp("ns")), True),
        (
            "event_timestamp",
            pa.array([datetime(2026, 1, 5)] * 3, pa.timestamp("s", "Asia/Tokyo")),
            True,
        ),
        ("event_timestamp", pa.array([date(2026, 1, 5)] * 3), True),
        ("event_timestamp", pa.array(["2026-01-05", "now", ""]), False),
        ("error_code", pa.array(['a"b', "a,\nb", "é"]).dictionary_encode(), True),
        ("error_code", pa.array(["a\0b", "x", None]), False),
    ],
)
def test_parquet(both_ways, tmp_path, column, values, is_copied):
    columns = {name: pa.array([plain] * 3) for name, plain in REQUEST.items()}
    columns |= {"request_id": pa.array(["r1", "r2", "r2"]), column: values}
    path = tmp_path / f"{USAGE}.parquet"
    pq.write_table(pa.table(columns), path)
    was_copied, straight, as_text = both_ways(path)
    assert was_copied is is_copied
    assert straight == as_text
    assert straight[0][0] == 3


def test_every_type_has_its_form():
    """A new type of a contract is text to COPY only if its letters need no look."""
    contracts = load_contracts(Path(__file__).parents[2] / "dbt")
    types = {column.data_type for one in contracts.values() for column in one.columns}
    assert types - {"text", "boolean"} == FORMS.keys()
