"""Write the table "What you have, what you get" of docs/bring-your-own-data.md.

    python tools/source_docs.py

What a table holds and must have is read from its contract, what is made of it from the SQL of
models and cards and from the feeds of the catalogue (o2r.dashboards.lineage). A unit test fails
while it is not current; tests/metrics/test_whole_companies.py leaves out each source and finds
that it is true.
"""

from collections import Counter
from pathlib import Path

from o2r.contracts import Contract, load_contracts
from o2r.dashboards.lineage import Lineage
from o2r.dashboards.read import read_definitions
from o2r.settings import load_settings

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "bring-your-own-data.md"
BEGIN = "<!-- Made by `python tools/source_docs.py`: edit the contracts, not these lines. -->\n"
END = "<!-- Until here. -->\n"
HEAD = """
| you have | map it onto | it must say | metrics that need it | cards that read it, by dashboard |
|---|---|---|---|---|
"""


def render() -> str:
    """The page as it should be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{HEAD}{_rows()}\n{END}{after}"


def _rows() -> str:
    contracts = load_contracts(PROJECT / "dbt")
    lineage = Lineage(PROJECT / "dbt")
    definitions = read_definitions(load_settings(project=PROJECT))
    cards = [
        (board, lineage.shown(card))
        for board, one in definitions.dashboards.items()
        for card in one.cards
    ]
    rows = []
    for name, contract in contracts.items():
        metrics = sorted(metric for metric, behind in lineage.needed.items() if name in behind)
        boards = Counter(board for board, behind in cards if name in behind)
        shown = ", ".join(f"{board} {count}" for board, count in sorted(boards.items()))
        cells = [_what(contract), f"`{name}`", _list(_required(contract)), _list(metrics), shown]
        order = (name != "customer_details", -len(metrics), -boards.total(), name)
        rows.append((order, "".join(f"| {cell or 'none yet'} " for cell in cells) + "|\n"))
    return "".join(row for _, row in sorted(rows))


def _what(contract: Contract) -> str:
    return " ".join(contract.description.split()).split(". ")[0].rstrip(".")


def _required(contract: Contract) -> list[str]:
    return [column.name for column in contract.columns if column.required]


def _list(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
