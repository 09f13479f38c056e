"""`o2r map`: files known by their headings, questions for the rest, and what metrics wait for."""

import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from o2r.bronze.check import check
from o2r.bronze.loader import open_folder
from o2r.bronze.mapping import read_mapping
from o2r.bronze.proposal import date_form, propose
from o2r.bronze.tools import tool_names
from o2r.cli.main import app
from o2r.contracts import load_contracts
from o2r.dashboards.lineage import Lineage
from o2r.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
CONTRACTS = load_contracts(ROOT / "dbt")


def written(folder: Path, target: Path) -> tuple:
    found = propose(folder, CONTRACTS)
    target.write_text(found.text)
    return found, yaml.safe_load(found.text)["files"]


def test_files_of_tools_are_known_whatever_their_names(warehouse, tmp_path):
    """The mapping proposed for renamed files does what --from does for those of the right names."""
    for number, path in enumerate(sorted((EXAMPLES / "tools").rglob("*.*"))):
        if path.is_file() and path.suffix != ".py":
            is_ours = path.parent.name == "tools"
            name = path.name if is_ours else f"Export {number}{path.suffix}"
            shutil.copy(path, tmp_path / name)
    found, files = written(tmp_path, tmp_path / "m.yml")
    kinds = {one.kind for one in found.files}
    assert kinds >= {
        f"stripe/{one}" for one in ("customers", "subscriptions", "invoices", "refunds")
    }
    assert {kind.split("/")[0] for kind in kinds if "/" in kind} == set(tool_names())
    assert [one for one in found.files if not one.is_sure] == []
    assert "?" not in str(files)

    def outcome(folder, **how):
        where = open_folder(folder, exported="2026-01-01", settings=warehouse, **how)
        checked, findings = check(where, settings=warehouse, note=lambda line: None)
        assert [one for one in findings if one.stops] == []
        return sorted((one.table, one.received, one.good, one.kept_out) for one in checked)

    by_name = outcome(EXAMPLES / "tools", tools=tool_names())
    assert outcome(tmp_path, mapping=tmp_path / "m.yml") == by_name


def test_what_is_not_certain_is_a_question(tmp_path):
    found, files = written(EXAMPLES / "crm_exports", tmp_path / "m.yml")
    assert files["sla_targets.csv"] == {"table": "sla_targets"}
    tickets = files["Tickets.csv"]
    assert tickets["table"] == "?"
    assert tickets["columns"]["ticket_id"] == "?"
    assert tickets["columns"]["status"] == "Status"
    assert tickets["values"]["status"] == {"Closed": "?", "Working": "?"}
    assert files["Invoices.csv"]["separator"] == ";"
    assert files["Invoices.csv"]["encoding"] == "?"
    [one] = [one for one in found.files if one.file == "Tickets.csv"]
    assert (one.kind, one.is_sure, one.unplaced) == (
        "support_tickets",
        False,
        ("Topic", "Stars", "Tags"),
    )
    assert "# - Stars" in found.text
    with pytest.raises(UserError, match=r"Accounts\.csv: table: a question is still open"):
        read_mapping(tmp_path / "m.yml")


def test_an_answered_proposal_loads(warehouse, tmp_path):
    (tmp_path / "support_tickets.csv").write_text(
        "Ticket ID;Account ID;Opened;Last-Updated;Priority;Status;Mood\n"
        "1;a;25/01/2026;2026-01-26;p1;Open;good\n2;b;03/02/2026;2026-02-04;P2;Done;\n"
    )
    found, files = written(tmp_path, tmp_path / "m.yml")
    entry = files["support_tickets.csv"]
    assert entry["columns"] == {
        "ticket_id": "Ticket ID",
        "account_id": "Account ID",
        "created_at": "?",
        "priority": "Priority",
        "status": "Status",
        "last_updated": "Last-Updated",
    }
    assert entry["values"] == {"status": {"Open": "open", "Done": "?"}}
    text = found.text.replace('created_at: "?"', "created_at: Opened")
    text = text.replace('Done: "?"', "Done: resolved").replace("# ignore:", "ignore:")
    text = text.replace("# - Mood", "- Mood") + "    dates: {created_at: DD/MM/YYYY}\n"
    (tmp_path / "m.yml").write_text(text)
    where = open_folder(tmp_path, tmp_path / "m.yml", settings=warehouse)
    [one], findings = check(where, settings=warehouse, note=lambda line: None)
    assert (one.good, findings) == (2, [])


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (["2026-01-05", "2026-01-05T10:00:00Z"], None),
        (["25/01/2026", "03/02/2026"], "DD/MM/YYYY"),
        (["01.25.2026", "02.03.2026"], "MM.DD.YYYY"),
        (["03/02/2026", "04/05/2026"], "?"),
        (["25/01/2026", "01/25/2026"], "?"),
        (["25/01/2026", "25.01.2026"], "?"),
        (["January 5"], "?"),
        (["1767225600"], "epoch"),
        (["1767225600000"], "epoch_ms"),
    ],
)
def test_order_of_day_and_month_is_certain_or_a_question(values, form):
    assert date_form(values) == form


def test_what_a_metric_waits_for():
    lineage = Lineage(ROOT / "dbt")
    waits = lineage.lacking({"subscriptions", "inference_user_token_usage_proprietary"})
    assert waits["mrr"] == frozenset()
    assert waits["error_rate_pct"] == frozenset()  # one of the two tables of requests will do
    assert waits["sla_adherence_pct"] == {"support_tickets", "sla_targets"}
    assert waits["cs_score"] == {"support_tickets", "platform_incidents"}
    assert waits.keys() == lineage.metrics.keys()


def test_the_command(tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(EXAMPLES / "tools" / "statuspage", folder)
    (folder / "riddle.csv").write_text("a,b\n1,2\n")
    run = CliRunner().invoke(app, ["map", str(folder)])
    assert run.exit_code == 0
    lines = {line.split()[0]: line.split() for line in run.stdout.splitlines() if line.strip()}
    assert lines["incidents.json"][1:4] == ["statuspage/incidents", "yes", "platform_incidents"]
    assert lines["riddle.csv"][1] == "no"
    assert lines["uptime_pct"][1:] == ["yes"]
    assert lines["mrr"][1:] == ["no", "subscriptions"]
    again = CliRunner().invoke(app, ["map", str(folder)])
    assert again.exit_code == 1
    assert "is there already: name another file with --out" in again.output
