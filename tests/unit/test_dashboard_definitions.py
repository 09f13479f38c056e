"""What a dashboard may say, and the line that names what it may not."""

import re

import pytest
from tests.unit.dashboard_project import ACCOUNTS, board, card, project

from o2r.dashboards.definitions import Card, Text
from o2r.dashboards.read import read_definitions
from o2r.errors import UserError

CHOICE = board()["filters"]["segment"]
DAY = board()["filters"]["since"]


def error(settings):
    """The message for what is wrong."""
    with pytest.raises(UserError) as caught:
        read_definitions(settings)
    return str(caught.value)


def test_a_dashboard_is_read(tmp_path):
    definitions = read_definitions(project(tmp_path, accounts=board()))
    found = definitions.dashboards["accounts"]
    assert found.key == "accounts"
    assert [type(item) for item in found.items] == [Text, Card]
    assert [one.name for one in found.cards] == ["Who signed up?"]
    assert definitions.collections["customer"].name == "Customers"


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (board(colour="red"), "colour: Extra inputs are not permitted"),
        (board(question=None), "question: Field required"),
        (board(items=[]), "items: Tuple should have at least 1 item"),
        (board(maturity="new"), "maturity: Input should be 'high', 'medium' or 'low'"),
        (board(card(colour="red")), "item 1.colour: Extra inputs"),
        (board({"text": "a"}, card(display="pie")), "item 2.display: Input should be 'number'"),
        (board(card(sql=None)), "item 1.sql: Field required"),
        (board(card(columns={})), "item 1.columns: Dictionary should have at least 1 item"),
        (board(card(order=[])), "item 1.order: Tuple should have at least 1 item"),
        (board(card(limit=0)), "item 1.limit: Input should be greater than or equal to 1"),
        (board(card(width=25)), "item 1.width: Input should be less than or equal to 24"),
        (board({"text": "a", "colour": "red"}, ACCOUNTS), "item 1.colour: Extra inputs"),
        (board(card(display="line")), "item 1: display line needs x and y"),
        (
            board(card(display="line", x="signed_up_date", y=["score"])),
            "item 1: not in columns: score",
        ),
        (
            board(card(display="line", x="signed_up_date", y=["account_id"], series="segment")),
            "item 1: not in columns: segment",
        ),
        (
            board(filters={"since": DAY | {"values": "select 1 as a"}, "segment": CHOICE}),
            "filters.since: `values`, SQL of one column, belongs to kind choice",
        ),
        (
            board(filters={"since": DAY, "segment": {"label": "Segment", "kind": "choice"}}),
            "filters.segment: `values`, SQL of one column, belongs to kind choice",
        ),
        (
            board(filters={"since": DAY | {"default": "2026-01-01"}, "segment": CHOICE}),
            "filters.since: `default` belongs to kind choice",
        ),
        (board(ACCOUNTS, ACCOUNTS), "two cards have one name: Who signed up?"),
        (board(tabs=["One"]), "text 'Words.': tab must be one of One"),
        (board(card(tab="Two")), "Who signed up?: tab must be one of none"),
        (
            board(filters={"segment": CHOICE}),
            "Who signed up?: no filter since on the dashboard",
        ),
        (board(card(filters={"since": "signed_up_date"})), "no card uses the filter segment"),
        (board(card(metric="weekly_revenu")), "item 1: the catalogue has no metric weekly_revenu"),
        (
            board(card(metrics=["cs_score", "no_score"])),
            "item 1: the catalogue has no metric no_score",
        ),
        (
            board(card(metric="cs_score", metrics=["cs_score"])),
            "item 1: give either metric or metrics",
        ),
        (
            board(card(metric="weekly_revenue", grain="day")),
            "item 1: grain must be week or month, not day",
        ),
        ("- a list\n", "must be a mapping of keys to values"),
        ("a: [\n", "while parsing a flow node"),
    ],
)
def test_each_rule_has_its_line(tmp_path, wrong, line):
    message = error(project(tmp_path, accounts=wrong))
    assert message.startswith(f"{tmp_path}/metabase/dashboards/accounts.yml: {line}")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (board(collection="nowhere"), "accounts: no collection nowhere"),
        (
            board(card(drill={"dashboard": "elsewhere"})),
            "accounts, Who signed up?: no dashboard elsewhere",
        ),
        (
            board(card(drill={"dashboard": "accounts", "filters": {"region": "segment"}})),
            "accounts, Who signed up?: accounts has no filter region",
        ),
    ],
)
def test_dashboards_know_each_other(tmp_path, wrong, line):
    message = error(project(tmp_path, accounts=wrong))
    assert message == f"{tmp_path}/metabase: {line}"


def test_every_file_gets_its_line(tmp_path):
    settings = project(tmp_path, first=board(name=None), second=board(), third=board(name=None))
    (tmp_path / "metabase" / "collections.yml").write_text("customer: {name: Customers}\n")
    lines = error(settings).split("; ")
    assert [re.sub(r".*/metabase/", "", line) for line in lines] == [
        "collections.yml: description: Field required",
        "dashboards/first.yml: name: Field required",
        "dashboards/third.yml: name: Field required",
    ]


SHARED = {
    "columns.yml": "segment: {label: Segment}\n",
    "filters.yml": "segment: {label: Segment, kind: choice, values: select 1}\n",
}


def with_shared(folder, one):
    settings = project(folder, accounts=one)
    for name, text in SHARED.items():
        (folder / "metabase" / name).write_text(text)
    return settings


def test_shared_columns_and_filters_are_named(tmp_path):
    own = {"account_id": {"label": "Account"}}
    shown = card(columns=["segment", own], filters={"segment": "segment"})
    one = board(shown, filters={"segment": {}})
    found = read_definitions(with_shared(tmp_path, one)).dashboards["accounts"]
    labels = {name: column.label for name, column in found.cards[0].columns.items()}
    assert list(labels.items()) == [("segment", "Segment"), ("account_id", "Account")]
    assert found.filters["segment"].values == "select 1"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"columns": ["region"]}, "accounts.yml: item 1: region is not in metabase/columns.yml"),
        ({"filters": {"region": {}}}, "accounts.yml: region is not in metabase/filters.yml"),
        ({}, "columns.yml: nothing uses segment: remove it"),
    ],
)
def test_what_is_shared_is_there_and_used(tmp_path, changes, line):
    columns = {"columns": changes["columns"]} if "columns" in changes else {}
    filters = {"filters": changes["filters"]} if "filters" in changes else {}
    assert line in error(with_shared(tmp_path, board(card(**columns), **filters)))


def test_no_dashboards_is_an_error(tmp_path):
    assert error(project(tmp_path)) == f"no dashboards in {tmp_path}/metabase/dashboards"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"target": 5}, "the catalogue has no metric 5"),
        ({"target": "nonsense"}, "the catalogue has no metric nonsense"),
        ({"goal": 5}, "targets are stated in raw_bronze.metric_targets"),
    ],
)
def test_a_target_is_a_metric_and_never_a_number(tmp_path, words, reason):
    with pytest.raises(UserError, match=reason):
        read_definitions(project(tmp_path, accounts=board(card(**words))))


def test_goals_are_what_the_company_states(tmp_path):
    stated = project(tmp_path, accounts=board(card(target="cs_score")))
    found = read_definitions(stated)
    [one] = found.judged_by({"cs_score": 90.0, "error_rate_pct": 1.0}).dashboards["accounts"].cards
    assert one.goal == 90.0
    assert found.judged_by({}).dashboards["accounts"].cards[0].goal is None
