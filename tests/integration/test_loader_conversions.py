"""Dates, numbers and values of foreign files: read as stated, or not at all."""

import pytest
from psycopg2 import sql

from o2r.bronze.conversions import check_date_form, check_number_sample, date_text, mapped
from o2r.bronze.conversions import number_text as number
from o2r.warehouse import connect


@pytest.fixture(scope="module")
def evaluate(server):
    """Value of a SQL expression."""
    connection = connect(server, read_only=True)

    def run(expression):
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("select {}").format(expression))
            return cursor.fetchone()[0]

    yield run
    connection.close()


def text(value):
    return sql.SQL("{}::text").format(sql.Literal(value))


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ("DD/MM/YYYY", "01/03/2024", "2024-03-01"),
        ("MM/DD/YYYY", "01/03/2024", "2024-01-03"),
        ("DD/MM/YYYY", " 1/3/2024 14:30 ", "2024-03-01 14:30"),
        ("DD.MM.YYYY", "31.12.2024T08:00:00+01:00", "2024-12-31T08:00:00+01:00"),
        ("DD-MM-YYYY", "2024-03-01", "2024-03-01"),
        ("DD/MM/YYYY", "2024-03-01T10:00:00Z", "2024-03-01T10:00:00Z"),
        ("DD/MM/YYYY", "03/25/2024", "2024-25-03"),  # no date: what is wrong stays wrong
        ("DD.MM.YYYY", "01/03/2024", "01/03/2024"),
        ("DD/MM/YYYY", "01/03/24", "01/03/24"),
        ("DD/MM/YYYY", "01/03/20241", "01/03/20241"),
        ("DD MM YYYY", "01 03 2024", "2024-03-01"),
        ("DD/MM/YYYY", None, None),
    ],
)
def test_dates(evaluate, form, value, expected) -> None:
    assert evaluate(date_text(text(value), check_date_form(form))) == expected


@pytest.mark.parametrize(
    ("sample", "value", "expected"),
    [
        ("1.234,56", "1.250,00", "1250.00"),
        ("1.234,56", "1.250", "1250"),
        ("1.234,56", "1234567,8", "1234567.8"),
        ("1.234,56", "-49,00", "-49.00"),
        ("1.234,56", "12.50", "not readable"),
        ("1.234,56", "1,234.56", "not readable"),
        ("1.234,56", "€49,00", "not readable"),
        ("€1.234,56", "€ 1.250,00", "1250.00"),
        ("€1.234,56", "-€49,00", "-49.00"),
        ("€1.234,56", "49", "49"),
        ("€1.234,56", "$49,00", "not readable"),
        ("1.234,56 €", "1.250,00\u00a0€", "1250.00"),
        ("$1,234.56", "$1,250.00", "1250.00"),
        ("$1,234.56", "1,25", "not readable"),
        ("1 234,56", "1\u202f250,5", "1250.5"),
        ("1234.56", "1250.5", "1250.5"),
        ("1234.56", "1,250.5", "not readable"),
        ("1.234,56", "--5", "--5"),  # no number either
        ("1.234,56", "n/a", "not readable"),
        ("1.234,56", " ", None),
        ("1.234,56", None, None),
    ],
)
def test_numbers(evaluate, sample, value, expected) -> None:
    assert evaluate(number(text(value), check_number_sample(sample))) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("Basic", "Starter"), (" bASIC ", "Starter"), ("Free", None), ("", None), ("New", "Other")],
)
def test_values(evaluate, value, expected) -> None:
    lines = {"basic": "Starter", "Free": None, "*": "Other"}
    assert evaluate(mapped(text(value), lines)) == expected


@pytest.mark.parametrize("form", ["DD/MM/YY", "DD/MM", "DDMMYYYY", "YYYY-DD-MM-YYYY", "DD/MM.YYYY"])
def test_no_form_of_a_date(form) -> None:
    with pytest.raises(ValueError, match="DD/MM/YYYY"):
        check_date_form(form)


@pytest.mark.parametrize("sample", ["1234", "1,234,56", "12.34", "1.2.3,4", ""])
def test_no_form_of_a_number(sample) -> None:
    with pytest.raises(ValueError, match=r"1234\.56"):
        check_number_sample(sample)
