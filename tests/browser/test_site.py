"""The site in a browser: every page, its figures against SQL, for every reader."""

import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from tests.browser.conftest import HOSTILE
from tests.chromium import SCREENSHOTS
from tests.in_process import dbt_in_process
from tests.metrics.warehouse import frame

from o2r.builds.run import dbt
from o2r.dashboards.queries import is_trend, metabase_sql, selected
from o2r.dashboards.read import read_definitions
from o2r.dashboards.site import build_site, write_review
from o2r.dashboards.site.build import MARK, dbt_docs
from o2r.dashboards.site.gold import Gold, exact_text
from o2r.errors import UserError
from o2r.settings import load_settings

PROJECT = Path(__file__).resolve().parents[2]

BOARDS = read_definitions(load_settings(project=PROJECT)).dashboards
PAGES = [
    "index.html",
    "metrics.html",
    "readiness.html",
    "errata.html",
    *(f"dashboards/{key}.html" for key in BOARDS),
    *(f"metrics/{key}.html" for key in ("weekly_revenue", "nrr_pct", "cs_score", "nps")),
]
TAG = re.compile(r"{{(\w+)}}")
# Rows of a table are alike: three of each are enough, and axe is slow.
MOST = {"exclude": [["tbody tr:nth-child(n+4)"]]}
OF_A_TAB = ("[role=tablist]", ".part:not(.away)")
"""What is another with another tab."""
# A mark that has something to show: a line or an area with points, a bar, a dot.
EMPTY_CHARTS = """
() => [...document.querySelectorAll('.chart')].filter((chart) => ![...chart.querySelectorAll(
    '.mark-line path, .mark-area path, .mark-rect path, .mark-symbol.role-mark path'
)].some((mark) => mark.getTotalLength() > 0)).map((chart) => chart.closest('.card').id)
"""
KEEP = """
() => {
    page = JSON.parse(document.querySelector('#page-data').textContent);
    tables = Object.fromEntries(
        Object.keys(page.tables).map((name) => [name, o2r.unpack(page.tables, name).rows]));
}
"""
SHOWN = """
([card, chosen, columns]) => {
    const one = page.cards.find((other) => other.name === card);
    return o2r.shown(one, tables[one.table], page.filters, chosen)
        .map((row) => columns.map((name) => row[name]));
}
"""


def serious(page, *rules: str, within: tuple[str, ...] = ()) -> list[str]:
    """What axe finds that keeps people out; its `preload` would ask for style sheets again.

    rules: only these. within: only elements of these selectors.
    """
    options = {"preload": False, "resultTypes": ["violations"]}
    options |= {"runOnly": list(rules)} if rules else {}
    context = MOST | ({"include": [[selector] for selector in within]} if within else {})
    found = Axe().run(page, context=context, options=options).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['target']}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def screenshot(page, name: str) -> None:
    """Keep a picture of the whole page, to be looked at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.jpg", full_page=True, quality=80)


@pytest.mark.parametrize("path", PAGES)
def test_page_opens_from_disk_with_its_charts_and_for_every_reader(watched, path):
    page = watched.open(path)
    assert page.title().endswith("· O2R")
    assert page.locator("h1").count() == 1
    assert page.locator(".chart").count() > 0 or "metrics/" not in path or "nps" in path
    assert page.evaluate(EMPTY_CHARTS) == []
    name = path.removesuffix(".html").replace("/", "-")
    tabs = page.get_by_role("tab")
    for place in range(max(1, tabs.count())):
        if tabs.count():
            tabs.nth(place).click()
        assert serious(page, within=OF_A_TAB if place else ()) == []
    screenshot(page, name)
    page.emulate_media(color_scheme="dark")
    assert serious(page, "color-contrast") == []
    screenshot(page, f"{name}-dark")


def with_values(sql: str, chosen: dict[str, str]) -> str:
    """SQL of Metabase as it runs it with these values of its tags."""

    def clause(found: re.Match) -> str:
        return found.group(1) if set(TAG.findall(found.group(1))) <= set(chosen) else ""

    def value(found: re.Match) -> str:
        return "'" + chosen[found.group(1)].replace("'", "''") + "'"

    return TAG.sub(value, re.sub(r"\[\[(.*?)\]\]", clause, sql))


def choices(board, gold) -> list[tuple[str | None, dict[str, str]]]:
    """Nothing chosen but the defaults; then each filter alone, a member or a day of the data."""
    defaults = {name: one.default for name, one in board.filters.items() if one.default}
    found = [(None, defaults)]
    for name, one in board.filters.items():
        values = gold.members(name, one)[-1:] if one.kind == "choice" else ["2026-10-12"]
        found += [(name, defaults | {name: value}) for value in values]
    return found


@pytest.mark.parametrize("key", BOARDS)
def test_every_card_shows_the_rows_that_its_sql_gives_with_the_filters(watched, gold, key):
    board = BOARDS[key]
    page = watched.open(f"dashboards/{key}.html")
    page.evaluate(KEEP)
    counts = {}
    with Gold(gold, "prod") as reader:
        for changed, chosen in choices(board, reader):
            for card in board.cards:
                if changed and changed not in card.filters:
                    continue
                sql = with_values(metabase_sql(card, board.filters, reader.resolve), chosen)
                expected = [list(row) for row in reader.query(sql, card.name).rows]
                shown = page.evaluate(SHOWN, [card.name, chosen, selected(card)])
                if card.display == "number" and not is_trend(card):
                    shown = shown[-1:]  # Metabase runs the order backwards, for one row
                assert shown == expected, (card.name, chosen)
                counts.setdefault(changed, []).append(len(shown))
    assert sum(counts[None]) > 50
    assert set(counts) == {None, *board.filters}


@pytest.mark.parametrize("key", ["state_of_the_business", "revenue"])
def test_numbers_follow_the_filters_and_are_those_of_the_metric_store(watched, gold, key):
    member, until = "Growth", "2026-10-20"
    page = watched.open(f"dashboards/{key}.html")
    before = page.locator(".card.number").first.inner_text()
    page.get_by_role("combobox", name="Slice").select_option(f"plan tier: {member}")
    page.get_by_role("textbox", name="Up to").fill(until)
    watched.ready()
    assert page.locator(".card.number").first.inner_text() != before
    checked = 0
    for place, card in enumerate(BOARDS[key].items, start=1):
        if getattr(card, "display", None) != "number" or not card.metric:
            continue
        grain = card.columns["period_start"].label.split()[0].lower()
        found = frame(
            gold,
            "select value from mart_gold.metric_values where metric = %s and grain = %s "
            "and dimension = 'plan_tier' and dimension_value = %s and is_final "
            "and period_start <= %s order by period_start desc limit 2",
            [card.metric, grain, member, until],
        )["value"]
        box = page.locator(f"#card-{place}")
        if found.empty:
            assert box.locator(".nothing").inner_text() == card.empty
            continue
        assert box.locator(".figure").get_attribute("data-value") == exact_text(found[0])
        change = box.locator(".change")
        if len(found) == 2 and found[0] != found[1]:
            risen = found[0] > found[1]
            good = risen == (card.good == "up")
            assert ("▲" if risen else "▼") in change.inner_text()
            assert ("better" if good else "worse") in change.inner_text()
        checked += 1
    assert checked >= 4


def test_what_is_chosen_is_in_the_address_and_comes_back(watched):
    page = watched.open("metrics/weekly_revenue.html")
    page.get_by_role("combobox", name="Slice").select_option("segment: Strategic")
    page.get_by_role("textbox", name="From").fill("2026-09-07")
    figure = page.locator(".figure").first
    shown = figure.inner_text()
    state = parse_qs(urlsplit(page.url).fragment)
    assert state == {"slice": ["segment: Strategic"], "since": ["2026-09-07"]}
    watched.open("metrics/weekly_revenue.html", urlsplit(page.url).fragment)
    assert page.get_by_role("combobox", name="Slice").input_value() == "segment: Strategic"
    assert figure.inner_text() == shown
    page.get_by_role("button", name="Reset").click()
    watched.ready()
    assert figure.inner_text() != shown
    assert urlsplit(page.url).fragment == ""


def test_a_member_that_is_not_there_shows_nothing_rather_than_everything(watched):
    page = watched.open("metrics/weekly_revenue.html", "slice=segment%3A+Nobody")
    assert page.get_by_role("combobox", name="Slice").input_value() == "segment: Nobody"
    assert page.locator(".figure").count() == 0
    assert page.locator(".nothing").count() > 0


def test_a_row_leads_to_the_dashboard_behind_it_with_its_filters_set(watched):
    page = watched.open("dashboards/operational.html")
    card = next(one for one in BOARDS["operational"].cards
                if one.display == "table" and one.drill and one.drill.filters)  # fmt: skip
    link = page.locator(".card", has_text=card.question).locator("tbody a").first
    leads = urlsplit(link.get_attribute("href"))
    link.click()
    page.wait_for_url(f"**/{card.drill.dashboard}.html#*")
    watched.ready()
    for name, values in parse_qs(leads.fragment).items():
        assert page.locator(f"#filter-{name}").input_value() == values[0]
        assert page.locator(f"#filter-{name} option:checked").inner_text() == values[0]


def test_a_strangers_name_is_text_wherever_it_stands(watched, gold):
    [name] = frame(
        gold, "select account_name from mart_gold.customer_revenue_ytd where rank_overall = 1"
    )["account_name"]
    assert name == HOSTILE
    seen = 0
    for key in BOARDS:
        page = watched.open(f"dashboards/{key}.html")
        seen += page.get_by_text(HOSTILE, exact=True).count()
        assert page.evaluate("typeof hacked") == "undefined"
        assert page.locator("main img, main script:not([type])").count() == 0
    assert seen > 0


def test_keyboard_alone_is_enough(watched):
    page = watched.open("dashboards/revenue.html", "slice=plan+tier%3A+Growth")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('form').className") == "filters"
    assert page.get_by_role("combobox", name="Slice").input_value() == "plan tier: Growth"
    first, second = page.get_by_role("tab").nth(0), page.get_by_role("tab").nth(1)
    first.focus()
    page.keyboard.press("ArrowRight")
    assert second.get_attribute("aria-selected") == "true"
    assert page.evaluate("document.activeElement.textContent") == second.inner_text()
    assert page.get_by_role("tabpanel").count() == 1
    details = page.locator(".part:not(.away) details").first
    details.locator("summary").focus()
    page.keyboard.press("Enter")
    details.locator("tbody tr").nth(2).wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "scroll"


def test_a_chart_says_what_it_shows_to_those_who_cannot_see_it(watched, gold):
    page = watched.open("metrics/weekly_revenue.html")
    words = page.get_by_role("img").first.get_attribute("aria-label")
    newest = frame(
        gold,
        "select value, period_start from mart_gold.metric_values where metric = 'weekly_revenue' "
        "and dimension = 'all' and grain = 'week' and is_final order by 2 desc limit 1",
    ).iloc[0]
    amount = newest["value"].quantize(Decimal(1), ROUND_HALF_UP)
    assert f"{amount:,}" in words
    assert str(newest["period_start"].year) in words


def test_print_is_light_paginated_and_complete(watched):
    page = watched.open("dashboards/revenue.html")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator(".filters").is_hidden()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(23, 32, 44)"
    panels = page.locator(".part")
    assert panels.count() > 1
    assert all(panels.nth(place).is_visible() for place in range(panels.count()))
    pages = re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))
    assert len(pages) > panels.count()


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
def test_days_are_the_same_everywhere(browser, site, zone):
    labels = []
    for timezone in ("UTC", zone):
        context = browser.new_context(timezone_id=timezone, viewport={"width": 1360, "height": 900})
        page = context.new_page()
        page.goto((site / "metrics/weekly_revenue.html").as_uri())
        page.wait_for_selector(".chart svg")
        labels.append(page.locator(".chart svg .role-axis-label text").all_text_contents())
        labels.append(page.locator(".period").all_inner_texts())
        context.close()
    assert any("Nov" in text for text in labels[0])
    assert labels[:2] == labels[2:]


def test_a_review_shows_one_week_in_one_file(watched, gold, tmp_path):
    week = "2026-10-19"
    page_file, *pictures = sorted(
        write_review(gold, week, out=tmp_path / "review"), key=lambda path: path.suffix
    )
    assert pictures
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    alone = tmp_path / "mailed" / page_file.name
    alone.parent.mkdir()
    page_file.rename(alone)
    watched.site = alone.parent
    page = watched.open(alone.name)
    expected = frame(
        gold,
        "select value from mart_gold.metric_values where metric = 'weekly_revenue' and grain = "
        "'week' and dimension = 'all' and period_start = %s",
        [week],
    )["value"]
    figure = page.locator(".card.number", has_text="Weekly revenue").first.locator(".figure")
    assert figure.get_attribute("data-value") == exact_text(expected[0])
    assert page.locator("a[href]:not([href^='#'])").count() == 0
    assert page.evaluate(EMPTY_CHARTS) == []
    assert serious(page) == []
    assert "2026-11-09" not in page.locator("#page-data").inner_text()


def test_the_same_gold_gives_the_same_bytes(gold, site, tmp_path):
    def files(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes()
                for path in folder.rglob("*") if path.is_file()}  # fmt: skip

    again = files(build_site(gold, out=tmp_path / "again").parent)
    assert again == files(site)
    assert sum(map(len, again.values())) < 8_000_000
    assert len(again) > 100


def test_a_site_is_kept_while_build_and_code_are_the_same(gold, tmp_path, monkeypatch):
    def front() -> int:
        out = tmp_path / "site"
        return build_site(gold, out=out, only_if_changed=True).stat().st_mtime_ns

    written = front()
    assert front() == written
    (tmp_path / "site" / MARK).write_text("")  # as an interrupted or older one has it
    anew = front()
    assert anew != written
    monkeypatch.setattr(Gold, "newest_build", lambda _self: ("999", "2026-01-05T01:02:03"))
    after_a_build = front()
    assert after_a_build not in (written, anew)
    assert front() == after_a_build


@pytest.mark.parametrize(
    ("week", "problem"),
    [
        ("2026-11-23", "is not over"),
        ("2020-01-06", "no whole week of revenue"),
        ("x", "YYYY-MM-DD"),
    ],
)
def test_a_week_that_cannot_be_reviewed_is_refused(gold, tmp_path, week, problem):
    with pytest.raises(UserError, match=problem):
        write_review(gold, week, out=tmp_path / "review")
    assert list(tmp_path.iterdir()) == []


def test_gold_that_is_not_built_is_named_and_nothing_is_written(warehouse, tmp_path):
    with pytest.raises(UserError, match="o2r build --target prod"):
        build_site(warehouse, out=tmp_path / "site")
    with pytest.raises(UserError, match="was not built from here"):
        build_site(warehouse, "dev", out=tmp_path / "site")
    with pytest.raises(UserError, match="unknown target"):
        build_site(warehouse, "nope", out=tmp_path / "site")
    assert list(tmp_path.iterdir()) == []


NUMBERS = [
    "0",
    "0.004",
    "-0.004",
    "0.005",
    "-0.005",
    "2.675",
    "1.005",
    "999.995",
    "1234567.5",
    "-1234567.5",
    "0.1",
    "9007199254740993",
    "123456789012345678.987654",
    "-2",
    "99.9949999",
]
MINUS = "\u2212"


@pytest.mark.parametrize("decimals", [0, 1, 2, 6])
def test_numbers_are_rounded_as_exact_decimals(watched, decimals):
    page = watched.open("errata.html")
    for text in NUMBERS:
        rounded = Decimal(text).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
        shown = page.evaluate("([text, digits]) => o2r.number(text, digits)", [text, decimals])
        if rounded == 0 and Decimal(text) != 0:
            assert shown[0] in "<>"
        else:
            assert shown.replace(MINUS, "-") == f"{abs(rounded) if rounded == 0 else rounded:,}"


def test_no_value_is_never_a_zero(watched):
    page = watched.open("errata.html")
    for column in ("integer", "decimal", "currency", "percent", "date", "text"):
        for kind in ("number", "date", "text"):
            shown = page.evaluate("([format, kind]) => o2r.show(null, { format }, kind)",
                                  [column, kind])  # fmt: skip
            assert shown == "no value"
    unknown = page.evaluate("""() => {
        const box = document.createElement('div');
        const card = { y: ['v'], x: 'd', target: '5', good: 'up', drill: null,
                       columns: { d: { label: 'Day', format: 'date' }, v: { format: 'decimal' } } };
        const table = { kinds: { d: 'date', v: 'number' } };
        const rows = [{ d: '2026-01-05', v: '4' }, { d: '2026-01-12', v: null }];
        o2r.drawNumber(box, card, table, rows);
        return box.innerText;
    }""")
    assert "no value" in unknown
    assert not re.search(r"\b[045]\b", unknown.replace("5 Jan", "").replace("12 Jan", ""))


def test_the_models_of_dbt_are_one_click_away(browser, gold, tmp_path):
    with dbt_in_process():
        assert dbt(gold, ["--quiet", "docs", "generate", "--static"], target="prod") == 0
    try:
        index = build_site(gold, out=tmp_path / "site")
    finally:
        dbt_docs(gold, "prod").unlink()  # the other tests' site has no such page
    page = browser.new_page()
    page.goto(index.as_uri())
    page.get_by_role("link", name="Models").click()
    # by then the page may have put the place of its overview there
    page.goto(f"{page.url.partition('#')[0]}#!/model/model.o2r.metric_values")
    heading = page.get_by_role("heading", name="metric_values").first
    expect(heading).to_be_visible(timeout=60_000)  # the page reads megabytes first
    expect(page.get_by_text("Grain of the period").first).to_be_visible()
    screenshot(page, "dbt")
