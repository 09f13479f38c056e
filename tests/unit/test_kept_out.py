"""What is shown of a row kept out: never a person, and what helps to put it right."""

from pathlib import Path

import pytest

from o2r.bronze.kept_out import shown
from o2r.contracts import load_contracts

CONTRACTS = load_contracts(Path(__file__).resolve().parents[2] / "dbt")


@pytest.mark.parametrize(
    ("place", "value", "wanted"),
    [
        ("customer_details.date_created", "03/25/2025", "03/25/2025"),
        ("customer_details.date_created", "Jane Doe", "xxxx xxx"),
        ("customer_details.date_created", "+49 170 1234567", "+99 999 9999999"),
        ("customer_details.employee_count", "12,5", "12,5"),
        ("customer_details.employee_count", "01701234567", "99999999999"),
        ("customer_details.employee_count", "jane@example.com", "xxxx@xxxxxxx.xxx"),
        ("customer_details.email", "jane@example.com", "personal, 16 characters"),
        ("customer_details.owner", "Jane Doe", "personal, 8 characters"),
        ("customer_details.account_id", "Jane Doe", "xxxx xxx"),
        ("subscriptions.status", "canceled", "canceled"),
        ("subscriptions.status", "Jane Doe", "xxxx xxx"),
        ("support_tickets.ticket_id", "Ä" * 50, "x" * 40 + "…"),
    ],
)
def test_a_value_is_shown_where_it_looks_like_its_column(place, value, wanted):
    table, _, name = place.partition(".")
    [column] = [one for one in CONTRACTS[table].columns if one.name == name]
    assert shown(value, column) == wanted


def test_no_personal_column_is_ever_shown():
    personal = [one for table in CONTRACTS.values() for one in table.columns if one.pii]
    assert len(personal) > 5
    for column in personal:
        assert shown("2025-01-01", column) == "personal, 10 characters"
