"""docs/book-errata.md as tables, and what it takes for a printed result to differ."""

from decimal import Decimal, InvalidOperation
from pathlib import Path

ROOT = Path(__file__).parents[2]


def read_tables() -> dict[str, list[dict[str, str]]]:
    """Tables of the page by heading; a second one under the same heading ends in `+`."""
    tables: dict[str, list[dict[str, str]]] = {}
    heading, names = "", None
    for line in (ROOT / "docs" / "book-errata.md").read_text().splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split(" | ")]
        if line.startswith("#"):
            heading = line.strip("# ")
        if not line.startswith("|"):
            names = None
        elif names is None:
            names = cells
            heading += "+" if heading in tables else ""
            tables[heading] = []
        elif not set(line) <= set("|-"):
            tables[heading].append(dict(zip(names, cells, strict=True)))
    return tables


TABLES = read_tables()


def number(text: object) -> Decimal | None:
    try:
        return Decimal(str(text).replace(",", ""))
    except InvalidOperation:
        return None


def differs(printed: object, true: object) -> bool:
    """Whether a printed result is anything but the true one, rounded to the digits printed."""
    one, other = number(printed), number(true)
    if one is None or other is None:
        return str(printed) != str(true)
    return abs(one - other) > Decimal(5).scaleb(one.as_tuple().exponent - 1)


def same(shown: str, true: object) -> bool:
    """Whether a cell shows the true value, rounded to the digits it shows."""
    return not differs(shown, true)


def assert_listed(heading: str, claims: dict[str, tuple[str, object]]) -> None:
    """Exactly the claims that differ are in the table, with both sides."""
    rows = {row["Claim"]: row for row in TABLES[heading]}
    assert set(rows) == {key for key, (printed, true) in claims.items() if differs(printed, true)}
    assert len(rows) == len(TABLES[heading])
    for key, row in rows.items():
        assert row["Printed"] == claims[key][0], key
        assert same(row["True"], claims[key][1]), (key, claims[key][1])
        assert row["Where"], key
        assert row["Why"], key
