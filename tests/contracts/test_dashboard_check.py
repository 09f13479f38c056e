"""Definitions against dbt's YAML, and dbt's exposures made from them."""

from pathlib import Path

import pytest
import yaml
from tests.unit.dashboard_project import board, card, project
from typer.testing import CliRunner

from o2r.cli.main import app
from o2r.dashboards.check import check
from o2r.dashboards.exposures import FILE, render, write
from o2r.dashboards.read import read_definitions
from o2r.errors import UserError
from o2r.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
WHERE = "metabase/dashboards/accounts.yml: Who signed up?: "
STALE = "dbt/models/exposures.yml: differs from metabase/: run `o2r dashboards write`"


def findings(folder, one):
    """What is found in a project whose exposures are current."""
    settings = project(folder, accounts=one)
    definitions = read_definitions(settings)
    write(definitions, settings.dbt_dir)
    return check(definitions, settings.dbt_dir)


def sql(statement, **changes):
    """A dashboard whose card runs this; it has the columns of the card unless said."""
    return board(card(sql=statement, **changes))


def test_nothing_is_wrong_with_what_is_right(tmp_path):
    metric = {"metric": "error_rate_pct", "display": "line"}
    metrics = {"metrics": ["cs_score", "ticket_volume"], "display": "line", "name": "a"}
    filters = board()["filters"] | {"slice": {}, "week": {}}
    one = board(
        card(drill={"dashboard": "accounts", "filters": {"segment": "segment"}}),
        *(item | {"question": "?"} for item in (metric, metrics)),
        filters=filters,
    )
    assert findings(tmp_path, one) == []


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (
            "select account_id, segment, signed_up_date from {{ ref('stg_accounts') }}",
            "stg_accounts is not in gold (dbt/models/marts)",
        ),
        (
            "select account_id, segment, signed_up_date from mart_gold.dim_account",
            "write {{ ref('dim_account') }} for the table dim_account",
        ),
        (
            "with a as (select * from {{ ref('dim_account') }}) "
            "select a.account_id, a.segment, a.signed_up_date from a "
            "inner join metric_values on true",
            "write {{ ref('metric_values') }} for the table metric_values",
        ),
        (
            "select m.metric as account_id, a.segment, a.signed_up_date from "
            "{{ ref('dim_account') }} as a cross join (select metric, value from "
            "{{ ref('metric_values') }} where is_complete) as m",
            "wherever it reads metric_values say `is_final`, or show {{ state }}: "
            "a provisional value is no result",
        ),
        (
            "select a.account_id, a.segment, a.signed_up_date from {{ ref('dim_account') }} as a "
            "inner join {{ ref('metric_values') }} as now on now.is_final "
            "inner join {{ ref('metric_values') }} as before on before.is_complete",
            "wherever it reads metric_values say `is_final`",
        ),
        (
            "select account_id, segment, signed_up from {{ ref('dim_account') }}",
            "Column 'signed_up' could not be resolved",
        ),
        (
            "select a.account_id, a.tier as segment, signed_up_date "
            "from {{ ref('dim_account') }} as a",
            "Unknown column: tier",
        ),
        (
            "select account_id, segment, signed_up_date from {{ ref('dim_account') }} "
            "order by account_id nulls last",
            "no ORDER BY or LIMIT in SQL: say `order` and `limit`",
        ),
        (
            "select account_id, segment, signed_up_date from (select * from "
            "{{ ref('dim_account') }} limit 5) as a",
            "no ORDER BY or LIMIT in SQL: say `order` and `limit`",
        ),
        (
            "select account_id, segment, signed_up_date from {{ ref('dim_account') }} "
            "where segment = {{ segment }}",
            "{{ segment }} means nothing here; filters are written by the outputs",
        ),
        (
            "select account_id, segment, signed_up_date from {{ ref('dim_account') }} "
            "where true [[and segment = 'a']]",
            "[[ means nothing here; filters are written by the outputs",
        ),
        (
            "select account_id, segment, signed_up_date::date as signed_up_date "
            "from {{ ref('dim_account') }}",
            "`::`: write cast(x as type)",
        ),
        (
            "select account_id, segment, current_date as signed_up_date "
            "from {{ ref('dim_account') }}",
            "`current_date`: models read no clock; join int_as_of",
        ),
        ("delete from {{ ref('dim_account') }}", "SQL must be one SELECT"),
        ("select 1 as a; select 2 as b", "SQL must be one SELECT"),
        (
            "select account_id, segment, signed_up_date, max(score) over () "
            "from {{ ref('dim_account') }}",
            "give every column of the result a name",
        ),
        (
            "select account_id, segment, signed_up_date, score as segment "
            "from {{ ref('dim_account') }}",
            "two columns of the result are named segment",
        ),
    ],
)
def test_each_rule_on_sql_has_its_line(tmp_path, statement, reason):
    found = findings(tmp_path, sql(statement))
    assert len(found) == 1
    assert found[0].startswith(WHERE + reason)
    assert "\n" not in found[0]


def test_sql_that_is_none_has_a_line_without_colours(tmp_path):
    found = findings(tmp_path, sql("select account_id frm ( {{ ref('dim_account') }}"))
    assert len(found) == 1
    assert found[0].startswith(WHERE)
    assert "\x1b" not in found[0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"columns": {"account_id": {"label": "Account"}, "tier": {"label": "Tier"}}},
            "columns: its SQL returns no column tier",
        ),
        ({"order": ["-signed_up"]}, "order: its SQL returns no column signed_up"),
        (
            {"filters": {"since": "signed_up_date", "segment": "tier"}},
            "filters: its SQL returns no column tier",
        ),
        (
            {"drill": {"dashboard": "accounts", "filters": {"segment": "tier"}}},
            "drill: its SQL returns no column tier",
        ),
        (
            {"filters": {"since": "account_id", "segment": "segment"}},
            "filters: since is a day, but account_id is text",
        ),
        (
            {"columns": {"segment": {"label": "Segment", "format": "percent"}}},
            "columns: segment has format percent, but is text",
        ),
        (
            {"columns": {"score": {"label": "Score", "format": "date"}}},
            "columns: score has format date, but is decimal(18, 6)",
        ),
        (
            {"columns": {"signed_up_date": {"label": "Signed up", "format": "integer"}}},
            "columns: signed_up_date has format integer, but is date",
        ),
    ],
)
def test_what_a_card_names_is_in_its_result(tmp_path, changes, reason):
    assert findings(tmp_path, board(card(**changes))) == [WHERE + reason]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ("select segmnt from {{ ref('dim_account') }}", "Column 'segmnt' could not be resolved"),
        ("select segment from {{ ref('accounts') }}", "accounts is not in gold"),
        (
            "select segment, account_id from {{ ref('dim_account') }}",
            "its values are one column, not 2",
        ),
    ],
)
def test_values_of_filters_are_checked(tmp_path, values, reason):
    filters = board()["filters"]
    filters = filters | {"segment": filters["segment"] | {"values": values}}
    found = findings(tmp_path, board(filters=filters))
    assert len(found) == 1
    assert found[0].startswith(f"metabase/dashboards/accounts.yml: filter segment: {reason}")


def test_every_finding_is_told(tmp_path):
    one = board(card(order=["-a"], filters={}), card(name="Other", sql="select 1 as b"))
    one["filters"] = {}
    one["items"][1]["filters"] = {}
    assert [line.split(": ")[1] for line in findings(tmp_path, one)] == [
        "Who signed up?",
        "Other",
        "Other",
    ]


def test_exposures_list_the_tables_of_cards_and_filters(tmp_path):
    metric = {"metric": "error_rate_pct", "display": "line"}
    other = board(metric, filters={}, question="Errors: how many, and\n why?", maturity="low")
    settings = project(tmp_path, zebra=board(), errors=other)
    found = yaml.safe_load(render(read_definitions(settings)))["exposures"]
    assert [one["name"] for one in found] == ["errors", "zebra"]
    assert found[0] == {
        "name": "errors",
        "label": "Accounts",
        "type": "dashboard",
        "maturity": "low",
        "description": "Errors: how many, and why?",
        "owner": {"name": "Somebody", "email": "somebody@example.com"},
        "depends_on": ["ref('metric_values')"],
    }
    segment = {"values": "select dimension_value from {{ ref('metric_values') }}"}
    filters = board()["filters"]
    filters = filters | {"segment": filters["segment"] | segment}
    only_in_a_filter = project(tmp_path, zebra=board(filters=filters))
    found = yaml.safe_load(render(read_definitions(only_in_a_filter)))["exposures"]
    assert found[1]["depends_on"] == ["ref('dim_account')", "ref('metric_values')"]


def test_exposures_that_differ_are_found_and_written_once(tmp_path):
    settings = project(tmp_path, accounts=board())
    definitions = read_definitions(settings)
    assert check(definitions, settings.dbt_dir) == [STALE]
    assert write(definitions, settings.dbt_dir)
    assert check(definitions, settings.dbt_dir) == []
    assert not write(definitions, settings.dbt_dir)
    path = settings.dbt_dir / FILE
    path.write_text(path.read_text().replace("dim_account", "dim_date"))
    assert check(definitions, settings.dbt_dir) == [STALE]
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == ["exposures.yml"]


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    settings = project(tmp_path, accounts=board())
    (settings.dbt_dir / FILE).mkdir()
    with pytest.raises(UserError, match=r"cannot write .*exposures.yml \("):
        write(read_definitions(settings), settings.dbt_dir)


def test_the_commands(tmp_path, monkeypatch):
    project(tmp_path, accounts=board(card(order=["-a"])))
    monkeypatch.setenv("O2R_PROJECT", str(tmp_path))
    done = CliRunner().invoke(app, ["dashboards", "check"])
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [WHERE + "order: its SQL returns no column a", STALE]
    project(tmp_path, accounts=board())
    assert CliRunner().invoke(app, ["dashboards", "write"]).exit_code == 0
    done = CliRunner().invoke(app, ["dashboards", "check"])
    assert (done.exit_code, done.stdout) == (0, "1 dashboards, 1 cards\n")
    project(tmp_path, accounts=board(name=None))
    done = CliRunner().invoke(app, ["dashboards", "check"])
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")


def test_the_dashboards_of_the_project_fit():
    settings = load_settings(project=ROOT)
    assert check(read_definitions(settings), settings.dbt_dir) == []
