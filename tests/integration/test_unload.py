"""A way back: batches leave bronze, the ledger keeps them, and a file replaces what it brought."""

import threading

import pytest
from typer.testing import CliRunner

from o2r.bronze.loader import Replace, load, load_each
from o2r.bronze.unload import find, unload
from o2r.cli.main import app
from o2r.errors import UserError
from o2r.health import examine
from o2r.warehouse import connect

TICKETS = "support_tickets"
HEADER = "ticket_id,account_id,created_at,csat,last_updated\n"
REVENUE = "account,amount,day\na1,10,2026-01-05\na2,20,2026-01-06\n"
MAPPING = """
files:
  "money*.csv":
    table: revenue_account_daily
    columns: {{account_id: account, gross_revenue_input_tokens: amount, revenue_date: day}}
    constants:
      {{product_sku: api, model_variant: {}, inference_scope: global, region: eu,
       billing_type: pay-as-you-go, currency_code: USD, snapshot_date: '2026-01-10'}}
"""


def rows(*scores, day="2026-01-05"):
    """A file of tickets t1, t2, ... with these scores; None leaves one out."""
    lines = [f"t{n},a1,{day},{s},{day}\n" for n, s in enumerate(scores, 1) if s is not None]
    return HEADER + "".join(lines)


@pytest.fixture
def tickets(bronze):
    """Newest score of every ticket in bronze."""
    return lambda: dict(
        bronze(
            "select distinct on (ticket_id) ticket_id, csat::float "
            f"from raw_bronze.{TICKETS} order by ticket_id, loaded_at desc"
        )
    )


def take_back(settings, *batches, force=False):
    return unload(settings, find(settings, batches, None), force=force)


def test_rows_leave_and_the_ledger_keeps_what_happened(deliver, bronze, tickets, warehouse):
    deliver(rows(3, 3))
    second = deliver(rows(4, 9, 5))  # a correction, a row kept out, a new one
    (gone,) = take_back(warehouse, second.batch_id)
    assert gone.rows == 2
    assert tickets() == {"t1": 3, "t2": 3}
    assert bronze(
        "select batch_id, received, inserted, duplicate, quarantined, unloaded, "
        "unloaded_at is not null from ops.load_batches order by 1"
    ) == [(1, 2, 2, 0, 0, None, False), (2, 3, 2, 0, 1, 2, True)]
    assert bronze("select batch_id from ops.quarantined_rows") == [(2,)]
    findings = {(one.area, one.state) for one in examine(warehouse)}
    assert ("ledger", "ok") in findings
    assert ("quarantine", "WRONG") not in findings
    again = deliver(rows(4, 9, 5))
    assert (again.inserted, again.quarantined) == (2, 1)
    assert tickets() == {"t1": 4, "t2": 3, "t3": 5}
    with pytest.raises(UserError, match=r"batch 2 .* was taken back"):
        take_back(warehouse, 2)


def test_days_of_what_left_are_noted(deliver, bronze, warehouse):
    path = "revenue_account_daily__x.csv"
    text = (
        "account_id,product_sku,model_variant,inference_scope,region,billing_type,currency_code,"
        "revenue_date,snapshot_date,discount_amount\n"
        "a,api,none,global,eu,committed-use,USD,2026-01-05,2026-01-06,1\n"
    )
    batch = deliver(text, path).batch_id
    bronze("delete from ops.changed_days")
    take_back(warehouse, batch)
    assert bronze("select table_name, event_date::text from ops.changed_days") == [
        ("revenue_account_daily", "2026-01-05")
    ]


def test_rows_that_a_later_file_delivered_again_are_not_lost_in_silence(
    deliver, tickets, warehouse
):
    first = deliver(rows(3, 3), f"{TICKETS}__1.csv").batch_id
    deliver(rows(3, None, 5), f"{TICKETS}__2.csv")
    with pytest.raises(UserError, match=r"1 rows of batch 1 .*: 2 \(support_tickets__2.csv\)"):
        take_back(warehouse, first)
    assert tickets() == {"t1": 3, "t2": 3, "t3": 5}
    take_back(warehouse, first, force=True)
    assert tickets() == {"t3": 5}
    deliver(rows(3, None, 5), f"{TICKETS}__2.csv", replace=Replace())
    assert tickets() == {"t1": 3, "t3": 5}
    take_back(warehouse, 3)  # nothing rests on it
    assert tickets() == {}


def test_batches_of_one_file_go_together(deliver, tickets, warehouse):
    for text in (rows(3), rows(3, 4)):
        deliver(text)
    deliver(rows(None, None, 5), f"{TICKETS}__other.csv")
    with pytest.raises(UserError, match=r"did you mean 'support_tickets\.csv'"):
        find(warehouse, [], "support_ticket.csv")
    unload(warehouse, find(warehouse, [], f"{TICKETS}.csv"))
    assert tickets() == {"t3": 5}


def test_replace_is_all_or_nothing(deliver, bronze, tickets):
    deliver(rows(3, 3))
    with pytest.raises(UserError, match="nothing of that name is in support_tickets"):
        deliver(rows(1), f"{TICKETS}__new.csv", replace=Replace())
    bronze(
        f"alter table raw_bronze.{TICKETS} add constraint stop check (ticket_id <> 't3') not valid"
    )
    with pytest.raises(UserError, match="nothing loaded"):
        deliver(rows(4, None, 5), replace=Replace())
    assert tickets() == {"t1": 3, "t2": 3}
    assert bronze("select count(*), count(unloaded_at) from ops.load_batches") == [(1, 0)]
    bronze(f"alter table raw_bronze.{TICKETS} drop constraint stop")
    result = deliver(rows(4, None, 5), replace=Replace())
    assert result.replaced == (1,)
    assert tickets() == {"t1": 4, "t3": 5}
    assert bronze("select unloaded, replaced_by from ops.load_batches where batch_id = 1") == [
        (2, result.batch_id)
    ]
    with pytest.raises(UserError, match="loaded again since"):
        deliver(rows(2), replace=Replace(frozenset([1])))


def test_two_at_once_take_back_once(deliver, bronze, warehouse):
    deliver(rows(3, 3))
    batches = find(warehouse, [1], None)
    holder = connect(warehouse)
    holder.cursor().execute(
        "select pg_advisory_xact_lock(hashtext('o2r load'), hashtext(%s))", (TICKETS,)
    )
    answers = []

    def run():
        try:
            answers.append(len(unload(warehouse, batches)))
        except UserError as error:
            answers.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert not answers
    holder.close()
    for thread in threads:
        thread.join(30)
    assert answers[0] == 1
    assert "was taken back" in answers[1]


def test_the_newest_content_of_a_file_counts_whatever_came_before(deliver, tickets):
    """A, B, A: the third delivery is news. A copy of a content that is still the newest is not."""
    for scores in ((3, 3), (4, 3), (3, 3)):
        assert not deliver(rows(*scores)).already_loaded
    assert tickets() == {"t1": 3, "t2": 3}
    assert deliver(rows(3, 3)).already_loaded
    assert deliver(rows(3, 3), f"{TICKETS}__copy.csv").already_loaded
    assert not deliver(rows(4, 3)).already_loaded
    assert tickets()["t1"] == 4


def test_what_was_taken_back_is_not_landed_again_by_itself(warehouse, tmp_path, tickets):
    (tmp_path / f"{TICKETS}.csv").write_text(rows(3))
    load_each(tmp_path, settings=warehouse)
    take_back(warehouse, 1)
    (result,), refused = load_each(tmp_path, settings=warehouse)
    assert (result.taken_back, refused, tickets()) == (1, [], {})
    assert load(tmp_path, settings=warehouse)[0].inserted == 1


def test_other_keys_for_the_same_file_are_told(deliver, bronze, warehouse, tmp_path):
    mapping = tmp_path / "mapping.yml"

    def money(variant, text=REVENUE, name="money.csv", **options):
        mapping.write_text(MAPPING.format(variant))
        return deliver(text, name, mapping=mapping, **options)

    assert money("none").warning is None
    bytes_again = money("base")
    assert bytes_again.inserted == 2
    assert 'model_variant (constants "none" then, constants "base" now)' in bytes_again.warning
    assert "batch 1 (money.csv)" in bytes_again.warning
    assert "`o2r unload 1`" in bytes_again.warning
    assert [f.state for f in examine(warehouse) if f.found == bytes_again.warning] == ["late"]
    replaced = money("base", replace=Replace())
    assert replaced.replaced == (1, 2)
    assert replaced.warning is None
    total = "select sum(gross_revenue_input_tokens)::int from raw_bronze.revenue_account_daily"
    assert bronze(total) == [(30,)]
    longer = REVENUE + "a3,5,2026-01-07\n"
    assert money("large", longer).warning  # another content of that name
    assert money("none", longer + "a4,5,2026-01-07\n", "money_2.csv").warning  # and pattern
    later = "account,amount,day\na1,10,2026-02-05\na2,20,2026-02-06\n"
    assert money("none", later, "money_3.csv").warning is None


def test_a_key_that_changes_in_the_file_itself_is_told(deliver):
    """Without any mapping: all rows equal those of bronze but for the product."""
    head = (
        "account_id,product_sku,model_variant,inference_scope,region,billing_type,currency_code,"
        "revenue_date,snapshot_date,discount_amount\n"
    )

    def text(sku, month, snapshot="2026-03-01", amount=7):
        lines = [
            f"a{n},{sku},m,global,eu,committed-use,USD,2026-{month}-0{n},{snapshot},{amount}\n"
            for n in range(1, 6)
        ]
        return head + "".join(lines)

    name = "revenue_account_daily.csv"
    assert deliver(text("api", "01"), name).warning is None
    assert "in all but product_sku since batch 1" in deliver(text("API v2", "01"), name).warning
    assert deliver(text("api", "02"), name).warning is None
    assert deliver(text("api", "02", "2026-03-02"), name).warning is None  # a later snapshot
    assert deliver(text("chat", "02", "2026-03-02", 8), name).warning is None  # another product


def test_nothing_goes_unless_it_is_said(deliver, tickets, warehouse, monkeypatch, tmp_path):
    deliver(rows(3))
    monkeypatch.setattr("o2r.settings.load_settings", lambda: warehouse)
    shown = CliRunner().invoke(app, ["unload", "1"])
    assert shown.exit_code == 1
    assert "support_tickets.csv" in shown.output
    assert "add --yes" in shown.output
    path = tmp_path / f"{TICKETS}.csv"
    path.write_text(rows(5))
    assert CliRunner().invoke(app, ["load", str(path), "--replace"]).exit_code == 1
    assert tickets() == {"t1": 3}
    done = CliRunner().invoke(app, ["load", str(path), "--replace", "--yes"])
    assert "replaces batch 1" in done.output
    assert tickets() == {"t1": 5}
    done = CliRunner().invoke(app, ["unload", "--file", f"{TICKETS}.csv", "--yes"])
    assert "taken back: 1 rows of 1 batches" in done.output
    assert tickets() == {}
    status = CliRunner().invoke(app, ["status"])
    assert "0 batches (2 more taken back)" in status.output
