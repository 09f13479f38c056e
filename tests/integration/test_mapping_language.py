"""What exports of other tools need of a mapping: each word on a small file, and its refusals."""

import json

import pytest
import yaml

from o2r.bronze.loader import load
from o2r.errors import UserError

EVENT = {
    "columns": {"event_id": "id", "event_timestamp": "at"},
    "constants": {"event_type": "login"},
}
REVENUE = {
    "product_sku": "s",
    "model_variant": "none",
    "inference_scope": "global",
    "region": "Unknown",
    "billing_type": "committed-use",
    "currency_code": "EUR",
}


@pytest.fixture
def mapped(warehouse, tmp_path, query):
    """Load a file by an entry of a mapping: `mapped(entry, content, name)` -> (result, bronze)."""

    def run(entry, content, name="export.csv", **beside):
        others = beside.pop("others", {})
        top = {"exported": beside.pop("exported")} if "exported" in beside else {}
        (tmp_path / name).write_text(content)
        document = {**top, "files": {name: entry, **beside.pop("files", {})}}
        (tmp_path / "m.yml").write_text(yaml.safe_dump(document, sort_keys=False))
        for other, text in others.items():
            (tmp_path / other).write_text(text)
        result = load(tmp_path / name, tmp_path / "m.yml", settings=warehouse, **beside)[0]

        def bronze(columns, order="1"):
            table = f"raw_bronze.{result.table}"
            return query(warehouse, f"select {columns} from {table} order by {order}")

        return result, bronze

    return run


def reasons(query, warehouse):
    return query(
        warehouse, "select reason, count(*) from ops.quarantined_rows group by 1 order by 1"
    )


def test_epochs_and_cents(mapped, query, warehouse):
    """Seconds since 1970 and cents; yen have no cents, and of krónur nobody knows."""
    entry = {
        "table": "invoices",
        "columns": {"invoice_id": "id", "account_id": "who", "amount": "cents", "currency": "cur"},
        "expressions": {"invoice_date": "at", "last_updated": "at"},
        "dates": {"invoice_date": "epoch", "last_updated": "epoch"},
        "cents": {"amount": "currency"},
        "constants": {"status": "paid"},
    }
    text = (
        "id,who,cents,cur,at\na,x,12345,eur,1767225599\nb,x,12345,JPY,2026-01-01T01:30:00+02:00\n"
        "c,x,12345,kwd,1767225600\nd,x,1,isk,1767225600\ne,x,1,,1767225600\nf,x,1,usd,1767225600000\n"
    )
    result, bronze = mapped(entry, text)
    assert [
        (name, float(amount), str(day))
        for name, amount, day in bronze("invoice_id, amount, invoice_date")
    ] == [("a", 123.45, "2025-12-31"), ("b", 12345, "2025-12-31"), ("c", 12.345, "2026-01-01")]
    assert result.quarantined == 3
    found = dict(reasons(query, warehouse))
    assert (
        found["amount: not an amount in the smallest unit of a currency whose decimals are known"]
        == 1
    )
    assert sum("currency: required" in reason for reason in found) == 1
    assert sum("not a date as epoch" in reason for reason in found) == 1


def test_milliseconds(mapped):
    entry = EVENT | {"table": "product_usage_events", "dates": {"event_timestamp": "epoch_ms"}}
    _, bronze = mapped(entry, "id,at\n1,1767225599250\n")
    assert bronze("extract(epoch from event_timestamp)::text") == [("1767225599.250000",)]


ACCOUNTS = {
    "table": "customer_details",
    "columns": {"account_id": "id", "country": "land", "date_created": "at", "date_updated": "at"},
    "countries": ["country"],
}


def test_countries_by_name_and_common_codes(mapped):
    text = "id,land,at\na,UK,2026-01-05\nb, united states ,2026-01-05\nc,DEU,2026-01-05\n"
    text += "d,fr,2026-01-05\ne,,2026-01-05\nf,Nowhere,2026-01-05\n"
    _, bronze = mapped(ACCOUNTS | {"values": {"country": {"Nowhere": None}}}, text)
    assert [code for _, code in bronze("account_id, country")] == [
        "GB",
        "US",
        "DE",
        "FR",
        None,
        None,
    ]


def test_an_unknown_country_is_refused_by_name(mapped):
    with pytest.raises(UserError, match=r"country knows no country 'Korea' \(2 rows, .* row 2\)"):
        mapped(ACCOUNTS, "id,land,at\na,UK,2026-01-05\nb,Korea,2026-01-05\nc,Korea,2026-01-05\n")


def test_all_other_values_as_they_are(mapped):
    entry = ACCOUNTS | {"countries": [], "columns": ACCOUNTS["columns"] | {"vertical": "kind"}}
    entry["values"] = {"vertical": {"Retl": "Retail", "*": "*"}}
    text = "id,land,at,kind\na,,2026-01-05,retl\nb,,2026-01-05,Energy\nc,,2026-01-05,\n"
    _, bronze = mapped(entry, text)
    assert [kind for _, kind in bronze("account_id, vertical")] == ["Retail", "Energy", None]


LOOKUP = {"account": {"file": "subs.csv", "key": "sub", "matches": "No", "column": "Account"}}
USAGE = EVENT | {
    "table": "product_usage_events",
    "columns": {"event_id": "id", "event_timestamp": "at", "crm_account_id": "account"},
    "lookups": LOOKUP,
}


def test_a_column_of_another_file(mapped, query, warehouse):
    """Usage keyed by subscription; a row without a partner is kept out by name."""
    files = {"subs.csv": {"separator": ";", "skip": "only looked up"}}
    others = {"subs.csv": "No;Account\nS1;A1\nS2;A2\nS2;A2\n"}
    text = "id,at,sub\n1,2026-01-05,S1\n2,2026-01-05, S2 \n3,2026-01-05,S9\n4,2026-01-05,\n"
    result, bronze = mapped(USAGE, text, others=others, files=files)
    assert bronze("event_id, crm_account_id") == [("1", "A1"), ("2", "A2"), ("4", None)]
    assert reasons(query, warehouse) == [("account: subs.csv has no such No", 1)]
    assert result.received == 4
    changed = {"subs.csv": "No;Account\nS1;A1\nS2;A3\nS9;A9\n"}
    again, bronze = mapped(USAGE, text, others=changed, files=files)
    assert again.inserted == 2  # the other file has changed, so it is not the very same load
    assert bronze("event_id, crm_account_id", "event_id, loaded_at")[-2:] == [
        ("3", "A9"),
        ("4", None),
    ]


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({}, r"looks account up in subs\.csv, which is not there: load both from one folder"),
        (
            {"subs.csv": "Nr,Account\nS1,A1\n"},
            "by 'No' of subs.csv, which has no such column: it has Nr",
        ),
        (
            {"subs.csv": "No,Account\nS1,A1\nS1,A2\n"},
            "more than one 'Account' for 1 value of 'No', .*'S1'",
        ),
    ],
)
def test_a_lookup_that_cannot_be(mapped, others, message):
    with pytest.raises(UserError, match=message):
        mapped(USAGE, "id,at,sub\n1,2026-01-05,S1\n", others=others)


def test_a_row_that_stands_for_many(mapped, query, warehouse):
    entry = {
        "table": "product_usage_events",
        "columns": {"event_timestamp": "at"},
        "expressions": {"event_id": "id || '-' || _number"},
        "constants": {"event_type": "login"},
        "each_count": "n",
    }
    text = "id,at,n\na,2026-01-05,3\nb,2026-01-05,0\nc,2026-01-05,1.0\nd,2026-01-05,-1\n"
    text += "e,2026-01-05,20000\nf,2026-01-05,\n"
    result, bronze = mapped(entry, text)
    assert [one for (one,) in bronze("event_id")] == ["a-1", "a-2", "a-3", "c-1"]
    assert (result.received, result.quarantined) == (7, 3)
    assert reasons(query, warehouse) == [
        ("each_count: 'n' is above 10000", 1),
        ("each_count: 'n' is no whole number", 2),
    ]


@pytest.mark.parametrize(
    ("each_day", "days"),
    [
        ({"from": "at", "span": "month"}, ("2026-01-15", "2026-02-14", 31)),
        ({"from": "at", "span": "year"}, ("2026-01-15", "2027-01-14", 365)),
        (
            {"expressions": {"from": "date_trunc('month', at::date)::date"}, "span": "month"},
            ("2026-01-01", "2026-01-31", 31),
        ),
        (
            {"from": "at", "expressions": {"to": "at::date + days::integer - 1"}},
            ("2026-01-15", "2026-01-24", 10),
        ),
    ],
)
def test_a_span_that_no_column_ends(mapped, each_day, days):
    """A bill without the days of its service: a month on, or as an expression says."""
    entry = {
        "table": "revenue_account_daily",
        "columns": {"account_id": "who", "gross_revenue_input_tokens": "sum"},
        "constants": REVENUE,
        "expressions": {"snapshot_date": "_day::date + 1"},
        "each_day": each_day | {"date": "revenue_date", "amounts": ["gross_revenue_input_tokens"]},
        "ignore": ["days"],
    }
    _, bronze = mapped(entry, "who,at,sum,days\na,2026-01-15,100,10\n")
    [(first, last, count, total)] = bronze(
        "min(revenue_date), max(revenue_date), count(*)::int, sum(gross_revenue_input_tokens)"
    )
    assert (str(first), str(last), count, total) == (*days, 100)


def test_day_of_the_export(mapped):
    entry = {
        "table": "customer_details",
        "columns": {"account_id": "id", "date_created": "at", "date_updated": "_exported"},
    }
    _, bronze = mapped(entry, "id,at\na,2026-01-05\n", exported="2026-03-01")
    assert [str(day) for (day,) in bronze("date_updated::date")] == ["2026-03-01"]
    again, _ = mapped(entry, "id,at\na,2026-01-05\n", exported="2026-03-09")
    assert again.inserted == 1  # the same bytes, told of another day
    with pytest.raises(UserError, match="reads _exported, the day of the export: say it with"):
        mapped(entry, "id,at\na,2026-01-05\n")


def test_rows_kept_out_for_a_reason_of_the_mapping(mapped, query, warehouse):
    entry = EVENT | {"table": "product_usage_events", "refuse": {"a test of ours": "id like 't%'"}}
    result, _bronze = mapped(entry, "id,at\nt1,2026-01-05\nb,2026-01-05\n")
    assert (result.inserted, result.quarantined) == (1, 1)
    [(reason, original)] = query(warehouse, "select reason, original from ops.quarantined_rows")
    assert reason == "a test of ours"
    assert json.loads(original)["id"] == "t1"


ITEMS = {
    "table": "product_usage_events",
    "columns": {
        "event_id": "_item.id",
        "event_timestamp": "at",
        "crm_account_id": "who.org.id",
        "feature_name": "_item.names.0",
    },
    "constants": {"event_type": "feature_used"},
    "each_item": "batch.events",
    "optional": ["device"],
    "expressions": {"device_class": "device"},
    "ignore": ["*"],
}
ROWS = [
    {
        "at": "2026-01-05",
        "who": {"org": {"id": 7}},
        "batch": {"events": [{"id": "a", "names": ["x"]}, {"id": "b"}]},
        "email": "none of our business",
    },
    {"at": "2026-01-06", "who": None, "batch": {"events": []}},
    {
        "at": "2026-01-07",
        "who": {"org": {"id": "ü"}},
        "batch": {"events": [{"id": "c", "names": []}]},
    },
]


@pytest.mark.parametrize("form", ["lines", "array", "pages", "page", "printed"])
def test_lists_and_paths_in_json(mapped, form):
    text = {
        "lines": "\n".join(map(json.dumps, ROWS)),
        "array": json.dumps(ROWS),
        "pages": "\n".join(json.dumps({"n": 1, "data": [row], "more": {}}) for row in ROWS),
        "page": json.dumps({"object": "list", "data": ROWS, "has_more": False}, indent=2),
        "printed": "\n".join(json.dumps(row, indent=1, ensure_ascii=False) for row in ROWS),
    }[form]
    records = {"records": "data"} if form in ("pages", "page") else {}
    result, bronze = mapped(ITEMS | records, text, "export.json")
    assert bronze("event_id, crm_account_id, feature_name, device_class") == [
        ("a", "7", "x", None),
        ("b", "7", None, None),
        ("c", "ü", None, None),
    ]
    assert result.received == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"at": 1}, {"at": ]', "not JSON after 1 rows, at '{\"at\": \\]'"),
        ('[{"at": 1} {"at": 2}]', "not JSON after 1 rows"),
        ('{\n"other": []\n}', "a document has no list 'data'"),
    ],
)
def test_a_broken_document(mapped, text, message):
    with pytest.raises(UserError, match=message):
        mapped(ITEMS | {"records": "data"}, text, "export.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"columns": {"event_id": "at.id", "event_timestamp": "at"}},
            "a path in 'at', which is not JSON",
        ),
        ({"each_item": "batch"}, r"each_item is no list \(3 rows, the first is row 1\)"),
        ({"each_item": "batches"}, r"takes each_item from 'batches', which is not .*'batch'"),
        ({"constants": {"at": "x"}}, "fills 'at', which is no column of product_usage_events"),
    ],
)
def test_a_path_that_leads_nowhere(mapped, change, message):
    with pytest.raises(UserError, match=message):
        mapped(ITEMS | change, "\n".join(map(json.dumps, ROWS)), "export.json")


def test_a_constant_that_shadows_a_column(mapped):
    entry = EVENT | {"table": "product_usage_events"}
    with pytest.raises(UserError, match="column 'event_type', which constants of the mapping fill"):
        mapped(entry, "id,at,event_type\n1,2026-01-05,x\n")


def test_a_day_without_quotes_is_a_text(warehouse, tmp_path):
    (tmp_path / "m.yml").write_text(
        "files: {e.csv: {table: customer_details, columns: {account_id: id, date_created: at}, "
        "constants: {date_updated: 2026-03-01}}}"
    )
    (tmp_path / "e.csv").write_text("id,at\na,2026-01-05\n")
    assert load(tmp_path / "e.csv", tmp_path / "m.yml", settings=warehouse)[0].inserted == 1


@pytest.mark.parametrize("size", [1, 7])
def test_a_long_document_is_read_in_pieces(mapped, monkeypatch, size):
    """Also where a piece ends in the middle of a number."""
    monkeypatch.setattr("o2r.bronze.json_files.BLOCK", size)
    page = {"count": 1234567890, "data": ROWS, "total": 98765}
    result, _ = mapped(ITEMS | {"records": "data"}, json.dumps(page), "export.json")
    assert result.inserted == 3
