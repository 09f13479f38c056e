"""`o2r load --check`: one report of everything, and nothing is loaded."""

import pytest
from typer.testing import CliRunner

from o2r.bronze.check import check
from o2r.bronze.loader import load, open_folder
from o2r.bronze.mapping import read_mapping
from o2r.cli.main import app
from o2r.errors import UserError

MAPPING = """
files:
  Tickets.csv:
    table: support_tickets
    columns: {ticket_id: id, account_id: who, created_at: at, last_updated: at}
    values: {status: {Open: open}, priority: {High: p2}}
  Cases.csv:
    table: support_tickets
    columns: {ticket_id: nr, account_id: who, created_at: at, last_updated: at}
"""
TICKETS = (
    "id,who,at,status,priority\n1,a,2026-01-05,Open,High\n2,a,yesterday,Shut,High\n"
    "3,a,2026-01-05,Shut,Urgent\n4,,2026-01-05,Gone,\n1,a,2026-01-05,Open,High\n"
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "m.yml").write_text(MAPPING)
    (tmp_path / "Tickets.csv").write_text(TICKETS)
    (tmp_path / "Cases.csv").write_text("id,who,at,mood,weather\n1,a,2026-01-05,good,rain\n")
    (tmp_path / "Other.csv").write_text("x\n1\n")
    (tmp_path / "notes.txt").write_text("x")
    return tmp_path


def test_everything_in_one_report(folder, warehouse, query):
    notes = []
    where = open_folder(folder, folder / "m.yml", settings=warehouse)
    checked, findings = check(where, settings=warehouse, note=notes.append)
    [one] = checked
    assert (one.file, one.received, one.good, one.duplicate, one.kept_out) == (
        "Tickets.csv",
        5,
        2,
        1,
        2,
    )
    stops = [(one.file, one.what) for one in findings if one.stops]
    assert [line.split(":")[0] for file, line in stops if file == "Tickets.csv"] == [
        "the mapping of status has no line for 'Shut' (2 rows, the first is row 2)",
        "the mapping of status has no line for 'Gone' (1 row, the first is row 4)",
        "the mapping of priority has no line for 'Urgent' (1 row, the first is row 3)",
    ]
    of_cases = [line for file, line in stops if file == "Cases.csv"]
    assert ["ticket_id" in of_cases[0], len(of_cases)] == [True, 1]
    assert next(line for file, line in stops if file == "Other.csv").startswith("no bronze table")
    kept_out = {
        (one.what.split(":")[0], one.rows, one.first_row) for one in findings if not one.stops
    }
    assert kept_out == {("account_id", 1, 4), ("created_at", 1, 2)}
    assert [note.split(":")[1] for note in notes] == [" notes.txt"]
    assert query(warehouse, "select 1 from ops.load_batches") == []
    assert query(warehouse, "select 1 from raw_bronze.support_tickets") == []


def test_all_columns_that_do_not_fit_are_named(folder, warehouse):
    text = (folder / "m.yml").read_text().replace("ticket_id: nr", "ticket_id: id")
    (folder / "m.yml").write_text(text)
    where = open_folder(folder, folder / "m.yml", settings=warehouse)
    _, findings = check(where, settings=warehouse, note=lambda line: None)
    lines = [one.what for one in findings if one.file == "Cases.csv"]
    assert [line.split("'")[1] for line in lines] == ["mood", "weather"]


def test_the_command_tells_by_its_exit_code(folder, warehouse, monkeypatch):
    monkeypatch.setenv("O2R_HOME", str(warehouse.home))
    monkeypatch.setenv("POSTGRES_DB", warehouse.database)
    options = ["load", str(folder), "--mapping", str(folder / "m.yml"), "--check"]
    run = CliRunner().invoke(app, options)
    assert run.exit_code == 1
    assert "To put right" in run.stdout
    assert "no line for 'Gone'" in run.stdout
    for name in ("Cases.csv", "Other.csv"):
        (folder / name).unlink()
    (folder / "Tickets.csv").write_text("\n".join(TICKETS.split("\n")[:2]) + "\n")
    run = CliRunner().invoke(app, options)
    assert (run.exit_code, "To put right" in run.stdout) == (0, False)


def test_a_file_like_one_of_a_tool(tmp_path, warehouse, query):
    """Its own name, and a word of its own beside those of the tool."""
    (tmp_path / "m.yml").write_text(
        "files: {'My incidents*.json': {like: statuspage/incidents, "
        "values: {severity: {catastrophic: sev1}}, constants: {region: eu}}}"
    )
    row = '{"id": "%s", "impact": "%s", "created_at": "2026-01-05T10:00:00Z", '
    row += '"updated_at": "2026-01-05T10:00:00Z", "status": "identified"}\n'
    rows = row % ("a", "minor") + row % ("b", "catastrophic")
    (tmp_path / "My incidents 1.json").write_text(rows)
    load(tmp_path, tmp_path / "m.yml", settings=warehouse)
    found = query(
        warehouse, "select severity, region from raw_bronze.platform_incidents order by 1"
    )
    assert found == [("sev1", "eu"), ("sev3", "eu")]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{like: stripe/custmers}", "no tool has 'stripe/custmers'"),
        ("{like: strip/customers}", "no tool has 'strip/customers'"),
        ("{table: x, columns: {a: '?'}}", r"a.csv: columns > a: a question is still open"),
        ("{table: x, values: {a: {Old: '?'}}}", "values > a > Old: a question is still open"),
    ],
)
def test_a_mapping_that_is_not_ready(tmp_path, entry, message):
    (tmp_path / "m.yml").write_text(f"files: {{a.csv: {entry}}}")
    with pytest.raises(UserError, match=message):
        read_mapping(tmp_path / "m.yml")
