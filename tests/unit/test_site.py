"""Parts of the site that need neither a warehouse nor a browser."""

import json
import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import vl_convert

from o2r.dashboards.definitions import Card, Dashboard, Filter
from o2r.dashboards.site import build
from o2r.dashboards.site.build import in_place_of
from o2r.dashboards.site.charts import chart_rows, fitted, spec, target_label
from o2r.dashboards.site.data import narrowed, packed, shown_rows
from o2r.dashboards.site.gold import Rows, exact_text
from o2r.dashboards.site.pages import markdown, slug, table_id
from o2r.dashboards.site.render import environment
from o2r.dashboards.site.theme import on_paper, vega_config
from o2r.dashboards.site.wbr import _monday, week_filters
from o2r.errors import UserError

HOSTILE = "</script><script>alert(1)</script>"


def card(**changes: object) -> Card:
    """A line of two columns, changed; `goal` as a company that states it has it."""
    goal = changes.pop("goal", None)
    made = Card(
        **{
            "name": "Revenue",
            "question": "How much?",
            "display": "line",
            "sql": "select 1",
            "columns": {
                "week": {"label": "Week from", "format": "date"},
                "value": {"label": "Revenue", "format": "currency", "unit": "USD"},
                "tier": {"label": "Tier"},
            },
            "x": "week",
            "y": ["value"],
            "order": ["week"],
            "filters": {"since": "week", "until": "week", "tier": "tier"},
        }
        | changes
    )
    return made.model_copy(update={"goal": goal})


FILTERS = {
    "since": Filter(label="From", kind="since"),
    "until": Filter(label="Up to", kind="until"),
    "tier": Filter(label="Tier", kind="choice", values="select 1", default="All"),
}
ROWS = Rows(
    {"week": "date", "value": "number", "tier": "text"},
    [
        ("2026-01-05", "1.50", "All"),
        ("2026-01-05", "1", "Growth"),
        ("2026-01-12", None, "All"),
        ("2026-01-19", "2", "All"),
        (None, "9", "All"),
        ("2026-01-19", "3", None),
    ],
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (True, "true"),
        (12345678901234567890, "12345678901234567890"),
        (Decimal("53250.120000"), "53250.12"),
        (Decimal("100"), "100"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.000001"), "0.000001"),
        (Decimal("-0.00"), "0"),
        (Decimal("NaN"), None),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (float("inf"), None),
        (date(2026, 1, 5), "2026-01-05"),
        (datetime(2026, 1, 5, 13, 7, 9), "2026-01-05T13:07:09"),
        (HOSTILE, HOSTILE),
    ],
)
def test_values_become_exact_text(value, text):
    assert exact_text(value) == text


def test_rows_are_packed_without_loss_and_once():
    many = Rows(ROWS.kinds, ROWS.rows * 3)
    for rows in (ROWS, many, Rows(ROWS.kinds, [])):
        made = packed(rows)
        columns = [
            one.get("values") or [one["members"][code] for code in one.get("codes", [])]
            for one in made["columns"].values()
        ]
        assert [tuple(row) for row in zip(*columns, strict=True)] == rows.rows
        assert made["count"] == len(rows.rows)
    assert "codes" in packed(many)["columns"]["value"]
    assert table_id(ROWS) != table_id(many)


@pytest.mark.parametrize(
    ("chosen", "values"),
    [
        ({}, ["1.50", None, "2", "9"]),
        ({"tier": "Growth"}, ["1"]),
        ({"tier": "Nobody"}, []),
        ({"since": "2026-01-12"}, [None, "2"]),
        ({"until": "2026-01-12"}, ["1.50", None]),
        ({"since": "2026-01-12", "until": "2026-01-12"}, [None]),
    ],
)
def test_filters_pass_what_sql_would_pass(chosen, values):
    assert [row[1] for row in shown_rows(card(), ROWS, FILTERS, chosen).rows] == values
    assert (
        shown_rows(card(limit=1), ROWS, FILTERS, chosen).rows
        == (shown_rows(card(), ROWS, FILTERS, chosen).rows[:1])
    )


def test_a_day_is_compared_with_a_time_as_its_midnight():
    times = Rows(ROWS.kinds, [("2026-01-05T00:00:00", "1", "All"),
                              ("2026-01-05T09:30:00", "2", "All")])  # fmt: skip
    until = narrowed(card(), times, FILTERS, {"until": "2026-01-05"})
    since = narrowed(card(), times, FILTERS, {"since": "2026-01-05"})
    assert [row[1] for row in until.rows] == ["1"]
    assert [row[1] for row in since.rows] == ["1", "2"]


@pytest.mark.parametrize("display", ["line", "area", "bar", "row", "combo", "scatter"])
@pytest.mark.parametrize("shape", ["one", "target", "series", "stacked", "several"])
def test_every_chart_compiles_and_draws_its_rows(display, shape):
    changes = {
        "one": {},
        "target": {"goal": 1.5},
        "series": {"series": "tier"},
        "stacked": {"series": "tier", "stacked": True},
        "several": {"y": ["value", "other"]},
    }[shape]
    columns = card().columns | {"other": {"label": "Rate", "format": "percent"}}
    one = card(display=display, columns=columns, **changes)
    found = Rows(ROWS.kinds | {"other": "number"}, [(*row, "5") for row in ROWS.rows])
    chart = fitted(spec(one, on_paper, found), one, chart_rows(one, found), on_paper, 600)
    chart |= {"config": vega_config(on_paper, "sans-serif"), "width": 600, "height": 300,
              "datasets": {"rows": chart_rows(one, found)}}  # fmt: skip
    svg = vl_convert.vegalite_to_svg(chart)
    assert re.search(r'class="mark-(line|area|rect|symbol) role-mark', svg)
    assert ("Target 1.5 USD" in svg) == (shape == "target")


def test_numbers_and_tables_are_no_charts():
    assert spec(card(display="number"), on_paper, ROWS) is None
    assert spec(card(display="table"), on_paper, ROWS) is None


def test_days_of_a_chart_are_utc_and_missing_values_stay_missing():
    first, second, third, *_ = chart_rows(card(), ROWS)
    assert first["c0"] == 1767571200000
    assert first["x_to"] - first["x_from"] == 7 * 86_400_000
    assert third["c1"] is None
    assert second["c2"] == "Growth"
    assert chart_rows(card(), ROWS)[5]["c2"] == "no value"


def test_a_member_keeps_its_colour_and_too_many_have_none():
    one = card(series="tier")
    colours = spec(one, on_paper, ROWS)["layer"][0]["encoding"]["color"]["scale"]
    assert colours["domain"] == ["All", "Growth", "no value"]
    many = Rows(ROWS.kinds, [("2026-01-05", "1", f"tier {place}") for place in range(9)])
    chart = fitted(spec(one, on_paper, many), one, chart_rows(one, many), on_paper, 600)
    assert chart["layer"][0]["encoding"]["color"]["legend"] is None


def test_target_is_written_in_the_unit_of_the_card():
    assert target_label(card(goal=20_000_000)) == "Target 20,000,000 USD"
    percent = {"value": {"label": "Rate", "format": "percent"}}
    assert target_label(card(columns=card().columns | percent, goal=99.9)) == "Target 99.9 %"


def test_hostile_text_cannot_leave_its_place():
    assert "<script" not in markdown(f"## {HOSTILE}\n\n[x](javascript:alert(1))")
    assert "href" not in markdown("[x](javascript:alert(1))")
    made = environment().from_string("<a>{{ one }}</a><script>{{ one | tojson }}</script>")
    html = made.render(one=HOSTILE)
    assert html.count("<script") == html.count("</script") == 1
    assert json.loads(re.search(r"<script>(.*)</script>", html).group(1)) == HOSTILE


def test_columns_reach_the_page_in_their_order():
    made = environment().from_string("{{ one | tojson }}").render(one={"b": 1, "a": 2})
    assert list(json.loads(made)) == ["b", "a"]


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "site"
    with in_place_of(folder) as aside:
        (aside / "old.html").write_text("old")
        assert not folder.exists()

    def fail() -> None:
        with in_place_of(folder) as aside:
            (aside / "new.html").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (folder / "old.html").read_text() == "old"
    with in_place_of(folder) as aside:
        (aside / "new.html").write_text("new")
    assert sorted(one.name for one in folder.iterdir()) == [build.MARK, "new.html"]
    assert [one.name for one in tmp_path.iterdir()] == ["site"]


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other files"), in_place_of(tmp_path):
        pass
    with pytest.raises(UserError, match="is not a folder"), in_place_of(tmp_path / "thesis.txt"):
        pass
    with pytest.raises(UserError, match="--out"), in_place_of(tmp_path / "thesis.txt" / "site"):
        pass
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.txt"]


def board(**filters: Filter) -> Dashboard:
    """A dashboard of one card with these filters."""
    one = card(filters=dict.fromkeys(filters, "week"))
    return Dashboard(
        key="weekly_business_review", name="Review", question="?", collection="leadership",
        owner={"name": "A", "email": "a@example.com"}, filters=filters, items=[one],
    )  # fmt: skip


def test_a_review_chooses_its_week_and_nothing_later():
    week = Filter(label="Week", kind="choice", values="select 1", default="Latest")
    monday = date(2026, 1, 5)
    assert week_filters(board(week=week, since=FILTERS["since"]), monday) == {"week": "2026-01-05"}
    assert week_filters(board(until=FILTERS["until"]), monday) == {"until": "2026-01-05"}
    with pytest.raises(UserError, match="no filter"):
        week_filters(board(since=FILTERS["since"]), monday)


@pytest.mark.parametrize(
    ("week", "problem"), [("2026-01-06", "week of 2026-01-05"), ("5 Jan", "YYYY-MM-DD")]
)
def test_a_week_begins_on_monday(week, problem):
    with pytest.raises(UserError, match=problem):
        _monday(week)


def test_names_become_parts_of_file_names():
    assert slug("What moved, & why?") == "what-moved-why"
    assert "/" not in slug("../../etc/passwd")


def test_scripts_and_templates_ask_for_nothing_outside():
    folder = Path(build.__file__).parent
    for path in [*(folder / "assets").iterdir(), *(folder / "templates").iterdir()]:
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".txt":
            outside = r"https?://(?!www\.w3\.org)|\bfetch\(|XMLHttpRequest|@import"
            assert not re.search(outside, text)
            assert "innerHTML" not in text
