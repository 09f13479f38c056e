"""Exports that are not what the mapping says: a right load, a reason per row, or one clear line."""

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from tests.integration.crm_exports import EXAMPLE, MAPPING, at

from o2r.bronze.loader import load
from o2r.errors import UserError
from o2r.settings import Settings


def edited(
    name: str, change: Callable[[list[list[str]]], None] = lambda rows: None, **form
) -> bytes:
    """An export with its rows changed, or written in another way."""
    is_german = name in ("Subscriptions.csv", "Invoices.csv")
    encoding = "windows-1252" if is_german else "utf-8-sig"
    content = (EXAMPLE / name).read_bytes().decode(encoding)
    rows = list(csv.reader(io.StringIO(content), delimiter=";" if is_german else ","))[:30]
    change(rows)
    out = io.StringIO()
    writer = csv.writer(
        out,
        delimiter=form.get("separator", ";" if is_german else ","),
        lineterminator=form.get("line_end", "\n"),
    )
    writer.writerows(rows)
    return out.getvalue().encode(form.get("encoding", encoding))


def cell(row: int, column: str, value: str) -> Callable[[list[list[str]]], None]:
    def change(rows: list[list[str]]) -> None:
        rows[row][rows[0].index(column)] = value

    return change


def without(column: str) -> Callable[[list[list[str]]], None]:
    def change(rows: list[list[str]]) -> None:
        place = rows[0].index(column)
        for row in rows:
            del row[place]

    return change


def header(old: str, new: str) -> Callable[[list[list[str]]], None]:
    return cell(0, old, new)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("Customers.csv", edited("Accounts.csv"), "no bronze table is named 'Customers'"),
        (
            "Accounts.csv",
            edited("Accounts.csv", without("Stage")),
            "takes is_active from 'Stage', which is not in the file",
        ),
        (
            "Accounts.csv",
            edited("Accounts.csv", header("Stage", "State")),
            r"takes is_active from 'Stage', which is not in the file \(did you mean",
        ),
        (
            "Accounts.csv",
            edited("Accounts.csv", header("Notes", "Remarks")),
            "unknown column 'Remarks'",
        ),
        (
            "Accounts.csv",
            edited("Accounts.csv", cell(3, "Plan", "Platinum")),
            r"nothing loaded: the mapping of plan_tier has no line for 'Platinum' \(1 row, the "
            r"first is row 3\): add it under values",
        ),
        (
            "Tickets.csv",
            edited("Tickets.csv", separator=";"),
            "separated by semicolons: .*state its separator in the mapping",
        ),
        (
            "Subscriptions.csv",
            edited("Subscriptions.csv", separator=","),
            "separated by commas: export it with semicolons",
        ),
        (
            "Subscriptions.csv",
            edited("Subscriptions.csv", encoding="utf-8-sig"),
            "begins with the mark of UTF-8, but the mapping says windows-1252",
        ),
    ],
)
def test_a_changed_file_is_refused_in_one_line(
    module_warehouse: Settings, tmp_path: Path, query, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path, MAPPING, settings=module_warehouse)
    assert str(caught.value).startswith(name)
    assert "\n" not in str(caught.value)
    assert query(module_warehouse, "select 1 from ops.load_batches") == []


QUARANTINED = {
    "month in the place of the day": (
        "Subscriptions.csv",
        cell(1, "Start", "03/25/2025"),
        {
            "event_timestamp: not a date as DD/MM/YYYY or ISO 8601; "
            "start_date: not a date as DD/MM/YYYY or ISO 8601": 1
        },
    ),
    "another currency": (
        "Subscriptions.csv",
        cell(2, "Price per month", "$1.250,00"),
        {"mrr: not a number as €1.234,56": 1},
    ),
    "another form of numbers": (
        "Invoices.csv",
        cell(2, "Total", "1,250.00 €"),
        {
            "amount: not a number as 1.234,56 €": 1,
            "gross_revenue_input_tokens: not a number as 1.234,56 €": 31,
        },
    ),
    "a service that ends before it starts": (
        "Invoices.csv",
        cell(2, "Service to", "2023-01-31"),
        {"revenue_date: required; snapshot_date: required": 1},
    ),
    "text of another encoding": (
        "Product activity.csv",
        lambda rows: rows[2].__setitem__(4, "Exportó informe"),
        {"not valid UTF-8": 1},
    ),
}
"""File, what is done to it, and the reasons with the rows that they keep out."""


@pytest.mark.parametrize("name", QUARANTINED)
def test_what_cannot_be_read_is_not_guessed(
    warehouse: Settings, tmp_path: Path, query, name: str
) -> None:
    file, change, reasons = QUARANTINED[name]
    form = {"encoding": "latin-1"} if name == "text of another encoding" else {}
    (tmp_path / file).write_bytes(edited(file, change, **form))
    for result in load(tmp_path, MAPPING, settings=warehouse):
        assert result.received == result.inserted + result.duplicate + result.quarantined
    found = query(warehouse, "select reason, count(*) from ops.quarantined_rows group by 1")
    assert dict(found) == reasons


def test_the_same_file_written_otherwise(warehouse: Settings, tmp_path: Path, query) -> None:
    """A mark, Windows line ends or neither: the rows are the same."""
    for position, form in enumerate(({}, {"encoding": "utf-8"}, {"line_end": "\r\n"})):
        (tmp_path / "Accounts.csv").write_bytes(edited("Accounts.csv", **form))
        [result] = load(tmp_path, MAPPING, settings=warehouse)
        assert (result.inserted, result.duplicate) == ((29, 0) if position == 0 else (0, 29))
    owners = query(warehouse, "select distinct owner from raw_bronze.customer_details order by 1")
    assert owners == [("Ida Rønn",), ("Mei Chen",), ("Paul Weiß",)]


def test_the_days_of_an_invoice_add_up_to_it(warehouse: Settings, query) -> None:
    load(EXAMPLE / "Invoices.csv", MAPPING, settings=warehouse)
    rows = query(
        warehouse,
        "select account_id, date_trunc('month', revenue_date)::date, "
        "sum(gross_revenue_input_tokens) from raw_bronze.revenue_account_daily group by 1, 2",
    )
    text = (EXAMPLE / "Invoices.csv").read_bytes().decode("windows-1252")
    invoices = csv.DictReader(io.StringIO(text), delimiter=";")
    expected = {
        (one["Account"], at(one["Service from"]).date()): Decimal(
            "0" if one["State"] == "Cancelled"
            else one["Total"].strip(" €").replace(".", "").replace(",", ".")
        )
        for one in invoices
    }  # fmt: skip
    assert {(account, month): amount for account, month, amount in rows} == expected
