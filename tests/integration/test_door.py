"""What the contracts forbid stays out of bronze row by row, and staging leaves out the same."""

import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg2 import InterfaceError, OperationalError, errors

from o2r.bronze.loader import _reason, load, load_each
from o2r.errors import UserError

REVENUE = "revenue_account_daily"
REVENUE_HEADER = (
    "account_id,product_sku,model_variant,inference_scope,region,billing_type,currency_code,"
    "revenue_date,snapshot_date,gross_revenue_input_tokens\n"
)
REVENUE_ROW = "a,{sku},m,{scope},r,pay-as-you-go,{currency},2026-01-01,2026-01-02,{amount}\n"
SUBSCRIPTIONS = "subscription_id,event_timestamp,account_id,plan_type,mrr,currency,status\n"
USAGE = "inference_user_token_usage_proprietary"
REQUESTS = "request_id,account_id,event_timestamp,input_tokens\n"


def revenue(sku="s", scope="global", currency="USD", amount=1):
    return REVENUE_ROW.format(sku=sku, scope=scope, currency=currency, amount=amount)


def counts(result):
    return result.received, result.inserted, result.duplicate, result.quarantined


def reasons(bronze):
    return [
        reason
        for (reason,) in bronze(
            "select reason from ops.quarantined_rows order by batch_id, row_number"
        )
    ]


def test_keys_that_differ_in_case_or_blanks_are_one(deliver, bronze):
    rows = [
        revenue(amount=1), revenue(currency="usd", amount=2), revenue(sku="s ", amount=3),
        revenue(scope=" Global", amount=3), revenue(sku="S", amount=4),
    ]  # fmt: skip
    result = deliver(REVENUE_HEADER + "".join(rows), f"{REVENUE}.csv")
    assert counts(result) == (5, 2, 1, 2)
    kept = f"select gross_revenue_input_tokens from raw_bronze.{REVENUE} order by loaded_at, 1"
    assert bronze(kept) == [(3,), (4,)]
    assert (
        reasons(bronze)
        == [
            "superseded by a later row of the same key in this file: "
            "keys that differ in case or blanks only are one key"
        ]
        * 2
    )
    again = deliver(REVENUE_HEADER + revenue(currency=" Usd ", amount=3), f"{REVENUE}__2.csv")
    corrected = deliver(REVENUE_HEADER + revenue(currency="usd", amount=5), f"{REVENUE}__3.csv")
    back = deliver(REVENUE_HEADER + revenue(scope="GLOBAL", amount=3), f"{REVENUE}__4.csv")
    assert counts(again) == (1, 0, 1, 0)
    assert counts(corrected) == counts(back) == (1, 1, 0, 0)
    assert bronze(kept) == [(3,), (4,), (5,), (3,)]


def test_other_words_stay_out_and_the_corrected_file_repairs(deliver, bronze):
    wrong = SUBSCRIPTIONS + "".join(
        f"c{n},2025-01-10,a,monthly,100,USD,{status}\n"
        for n, status in enumerate(["canceled", "trialing", " Active ", "CANCELLED"])
    )
    assert counts(deliver(wrong, "subscriptions.csv")) == (4, 2, 0, 2)
    rule = "is not one of trial, active, cancelled, expired"
    assert reasons(bronze) == [f"status: 'canceled' {rule}", f"status: 'trialing' {rule}"]
    right = wrong.replace("canceled", "cancelled").replace("trialing", "trial")
    assert counts(deliver(right, "subscriptions__2.csv")) == (4, 2, 2, 0)


@pytest.mark.parametrize(
    ("instant", "reason"),
    [
        ("1970-01-01", "is before 2000-01-01"),
        ("9999-12-31T23:59:59-05:00", "is more than 3660 days after the load"),
        ("0044-03-15 BC", "not a valid ISO 8601 timestamptz"),
    ],
)
def test_an_instant_out_of_bounds_costs_its_row(deliver, bronze, instant, reason):
    rows = f"r1,a,{instant},1\nr2,a,2026-01-05,1\n"
    assert counts(deliver(REQUESTS + rows, f"{USAGE}.csv")) == (2, 1, 0, 1)
    [found] = reasons(bronze)
    assert found.startswith("event_timestamp: ")
    assert found.endswith(reason)


def test_amounts_out_of_bounds_cost_their_rows(deliver, bronze):
    tokens = "".join(f"r{n},a,2026-01-05,9223372036854775807\n" for n in range(2))
    assert counts(deliver(REQUESTS + tokens, f"{USAGE}.csv")) == (2, 0, 0, 2)
    rows = revenue(amount=999999999999) + revenue(sku="t", amount=-999999999999)
    assert counts(deliver(REVENUE_HEADER + rows, f"{REVENUE}.csv")) == (2, 0, 0, 2)
    assert reasons(bronze) == [
        *["input_tokens: 9223372036854775807 is above 1000000000"] * 2,
        "gross_revenue_input_tokens: 999999999999.000000 is above 1000000000",
        "gross_revenue_input_tokens: -999999999999.000000 is below -1000000000",
    ]


def test_revenue_without_any_amount_is_not_revenue_of_0(warehouse, bronze, tmp_path):
    path = tmp_path / f"{REVENUE}.csv"
    path.write_text(REVENUE_HEADER + revenue(sku="known", amount=0) + revenue(sku="not", amount=""))
    assert counts(load(path, settings=warehouse)[0]) == (2, 1, 0, 1)
    [reason] = reasons(bronze)
    assert "is not null" in reason


def test_a_landed_file_full_of_strays_keeps_out_no_other(warehouse, tmp_path, query):
    (tmp_path / f"{USAGE}__1.csv").write_text(REQUESTS + "r1,a,9999-12-31T23:59:59-05:00,1\n")
    (tmp_path / f"{USAGE}__2.csv").write_text(REQUESTS + "r2,a,2026-01-05,1\n")
    results, refused = load_each(tmp_path, settings=warehouse)
    assert [result.inserted for result in results] == [0, 1]
    assert refused == []


def test_a_row_that_only_consists_of_its_key_loads_once(warehouse, tmp_path):
    path = tmp_path / "product_feature_releases.csv"
    path.write_text("feature_name,released_at\nf,2026-01-05\nf ,2026-01-05\n")
    assert counts(load(path, settings=warehouse)[0]) == (2, 1, 1, 0)


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        ("input_tokens", ["1_000", "0x1F", "0b11", "0o17", "1e3", "1.0"]),
        ("latency_ms", ["1_000.5", "0x1F", "1E-9", "-0.0000004", "NaN", "Infinity", "-inf"]),
        (
            "event_timestamp",
            [
                "2026-01-05 allballs", "2026-01-05 10:00 PST", "2026-01-05T10:00 Europe/Berlin",
                "0205-01-05", "2026-01-05 10:00 EET", "epoch", "infinity",
            ],
        ),
    ],
)  # fmt: skip
def test_what_only_postgres_can_read_is_refused(deliver, bronze, column, texts):
    header = "request_id,account_id,event_timestamp,local_timestamp,input_tokens,latency_ms\n"
    plain = {"event_timestamp": "2026-01-05", "input_tokens": " 7 ", "latency_ms": "1.5"}
    good = [{"latency_ms": "1.5e2"}, {"event_timestamp": "2026-01-05t10:00:00 utc"}, {}]
    good += [{"latency_ms": "0.000"}, {"latency_ms": "0.0000006"}, {"latency_ms": "0e-9"}]
    rows = [plain | {column: text} for text in texts] + [plain | one for one in good]
    body = "".join(
        f"r{n},a,{row['event_timestamp']},,{row['input_tokens']},{row['latency_ms']}\n"
        for n, row in enumerate(rows)
    )
    result = deliver(header + body, f"{USAGE}.csv")
    assert counts(result) == (len(rows), len(good), 0, len(texts))
    assert all(reason.startswith(f"{column}: ") for reason in reasons(bronze))
    alone = deliver(header + body.splitlines(True)[0], f"{USAGE}__2.csv")
    assert counts(alone) == (1, 0, 0, 1)


def test_awkward_rows_and_names_cost_no_file(deliver, bronze, tmp_path):
    names = ["ticket_id", "account_id", "created_at", "last_updated", "xmin", "incoming", "reason"]
    good = ["t", "a", "2026-01-05", "2026-01-05", "1", "2", "3"]
    mapping = tmp_path / "mapping.yml"
    mapping.write_text(
        "files:\n  '*':\n    table: support_tickets\n    columns: {channel: xmin}\n"
        "    ignore: [incoming, reason]\n"
    )
    rows = [good, ["k" * 10_000_000, *good[1:]], ["u", "a", "now", *good[3:]]]
    text = "".join(",".join(row) + "\n" for row in [names, *rows])
    assert counts(deliver(text, mapping=mapping)) == (3, 1, 0, 2)
    assert bronze("select ticket_id, channel from raw_bronze.support_tickets") == [("t", "1")]
    assert reasons(bronze) == [
        "ticket_id: longer than 250 bytes", "created_at: not a valid ISO 8601 timestamptz",
    ]  # fmt: skip
    lines = "".join(
        json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in [good, rows[2]]
    )
    assert counts(deliver(lines, "lines.ndjson", mapping=mapping)) == (2, 0, 1, 1)
    [(original,)] = bronze("select original from ops.quarantined_rows where row_number = 2 limit 1")
    assert len(original) > 10_000_000


def test_a_nul_in_parquet_costs_its_row(deliver, bronze, tmp_path):
    day = datetime(2026, 1, 5, tzinfo=UTC)
    rows = [
        {"ticket_id": ticket, "account_id": "a", "created_at": day, "last_updated": day}
        for ticket in ("t1", "t\0", "t3")
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "nul.parquet")
    result = deliver((tmp_path / "nul.parquet").read_bytes(), "support_tickets.parquet")
    assert counts(result) == (3, 2, 0, 1)
    assert reasons(bronze) == ["holds a NUL byte"]


def test_every_file_that_is_not_loaded_is_named(warehouse, tmp_path, query):
    row = {"ticket_id": "t1", "account_id": "a", "created_at": "2026-01-05"}
    line = json.dumps(row | {"last_updated": "2026-01-05"}) + "\n"
    (tmp_path / "support_tickets__1.json").write_text(line)
    (tmp_path / "support_tickets__2.tsv").write_text(
        "ticket_id\taccount_id\tcreated_at\tlast_updated\nt2\ta\t2026-01-05\t2026-01-05\n"
    )
    names = ["a.xlsx", "a.csv.zip", "a.csv.bz2", "_a.csv", "a.csv.tmp", "settings.json", ".b.csv"]
    for name in [*names, ".DS_Store"]:
        (tmp_path / name).write_text("x")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nothing.csv")
    notes = []
    results = load(tmp_path, settings=warehouse, note=notes.append)
    assert [result.inserted for result in results] == [1, 1]
    said = {note.split(": ")[1]: note.split(": ", 2)[2] for note in notes}
    assert said.keys() == {*names, "gone.csv"}
    assert said["gone.csv"] == "a link to a file that does not exist"
    assert said["_a.csv"] == "'_a.csv' begins with _: rename it to load it"
    landed = []
    load_each(tmp_path, settings=warehouse, note=landed.append)
    assert landed == notes
    with pytest.raises(UserError, match="unpack it"):
        load(tmp_path / "a.csv.zip", settings=warehouse)
    (tmp_path / "support_tickets__1.json").write_text(f"[{line}]")
    assert load(tmp_path, settings=warehouse)[0].duplicate == 1


def test_values_that_no_seed_knows_load_and_are_told(warehouse, tmp_path):
    path = tmp_path / f"{REVENUE}.csv"
    path.write_text(REVENUE_HEADER + revenue(currency="usd") + revenue(currency="UDS"))
    notes = []
    assert counts(load(path, settings=warehouse, note=notes.append)[0]) == (2, 2, 0, 0)
    [note] = notes
    assert "currency_code: 'UDS' (1) not in dbt/seeds/exchange_rates.csv" in note


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (errors.DiskFull("could not extend file"), "the disk of the server is full"),
        (OperationalError("server closed the connection unexpectedly"), "whether its disk is full"),
    ],
)
def test_a_full_disk_reads_as_such(first, words):
    second = InterfaceError("connection already closed")
    second.__context__ = first
    assert words in _reason(second)
