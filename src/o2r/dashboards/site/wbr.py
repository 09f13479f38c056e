"""`o2r site wbr`: the Weekly Business Review of one week, as one file to send, and pictures."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from markupsafe import Markup

from o2r.dashboards.definitions import Card, Dashboard
from o2r.dashboards.metrics import with_words
from o2r.dashboards.read import read_definitions
from o2r.dashboards.site.build import common, in_place_of
from o2r.dashboards.site.charts import chart_rows, fitted, spec
from o2r.dashboards.site.data import shown_rows
from o2r.dashboards.site.gold import Gold, Rows
from o2r.dashboards.site.pages import board_page, slug
from o2r.dashboards.site.render import SCRIPTS, assets, day_words, environment
from o2r.dashboards.site.theme import on_paper, vega_config
from o2r.errors import UserError
from o2r.settings import Settings

KEY = "weekly_business_review"
PICTURE = {"width": 760, "height": 300}
"""Pixels of a chart, before they are doubled."""


def write_review(
    settings: Settings, week: str, target: str = "prod", out: Path | None = None
) -> list[Path]:
    """Write the review of a week; return the page and the pictures of its charts.

    week: its Monday, YYYY-MM-DD. out: a folder that is new, empty or held a review before.
    Raises UserError when the week is none, is not over or not observed, when gold is not built, or
    when the folder cannot be written.
    """
    monday = _monday(week)
    folder = out or settings.home / "wbr" / f"{settings.database}_{target}" / week
    with Gold(settings, target) as gold:
        definitions = read_definitions(settings, gold.currency)
        if KEY not in definitions.dashboards:
            raise UserError(f"there is no dashboard {KEY} in metabase/dashboards")
        _require_week(gold, monday)
        board = definitions.dashboards[KEY].judged_by(gold.targets)
        chosen = week_filters(board, monday)
        rows = {card.name: gold.card(card, board.name) for card in board.cards}
        page = board_page(board, gold, definitions, (), root="", chosen=chosen)
        html = _one_file(settings, common(gold), board, page, monday)
    name = f"weekly-business-review-{week}"
    with in_place_of(folder.resolve()) as aside:
        (aside / f"{name}.html").write_text(html, encoding="utf-8", newline="\n")
        for card in board.cards:
            found = shown_rows(card, rows[card.name], board.filters, chosen)
            if picture := _picture(card, rows[card.name], found):
                (aside / f"{name}-{slug(card.name)}.png").write_bytes(picture)
        names = sorted(path.name for path in aside.iterdir() if not path.name.startswith("."))
    return [folder.resolve() / name for name in names]


def week_filters(board: Dashboard, monday: date) -> dict[str, str]:
    """What to choose on a dashboard to see it as it was at the end of a week.

    The filter `week` is the week; a filter of kind until lets nothing later in.
    Raises UserError when the dashboard has neither.
    """
    chosen = {
        name: monday.isoformat()
        for name, one in board.filters.items()
        if name == "week" or one.kind == "until"
    }
    if not chosen:
        raise UserError(f"{board.name}: it has no filter `week`, and none of kind until")
    return chosen


def _monday(week: str) -> date:
    try:
        day = date.fromisoformat(week)
    except ValueError:
        raise UserError(f"--week must be YYYY-MM-DD, not {week}") from None
    if day.weekday():
        raise UserError(
            f"--week must be a Monday: {day} lies in the week of {day - timedelta(day.weekday())}"
        )
    return day


def _require_week(gold: Gold, monday: date) -> None:
    as_of = date.fromisoformat(gold.as_of())
    if monday + timedelta(6) > as_of:
        raise UserError(f"the week of {monday} is not over: gold counts up to {as_of}")
    found = gold.query(
        with_words("select min(week_start), max(week_start) from {{ weeks }} as weeks"),
        "weeks",
    )
    first, last = found.rows[0]
    if first is None:
        raise UserError("gold has no whole week of revenue yet: load more days, then o2r build")
    if not first <= monday.isoformat() <= last:
        raise UserError(
            f"gold has no whole week of revenue from {monday}: weeks from {first} to {last}"
        )


def _one_file(
    settings: Settings,
    shared: dict[str, Any],
    board: Dashboard,
    page: dict[str, Any],
    monday: date,
) -> str:
    files = assets(settings)
    return (
        environment()
        .get_template("review.html")
        .render(
            **shared,
            root="",
            title=f"{board.name}, week of {day_words(monday.isoformat())}",
            lead=board.question,
            owner=board.owner,
            page=page,
            styles=Markup(files["theme.css"] + files["site.css"]),
            sources=[_inline(files[name]) for name in SCRIPTS],
        )
    )


def _inline(script: str) -> Markup:
    """A script that cannot end its own element."""
    return Markup(script.replace("</script", r"<\/script").replace("<!--", r"<\!--"))


def _picture(card: Card, every: Rows, found: Rows) -> bytes | None:
    """PNG of a chart on white; None for numbers, tables and charts without rows.

    every: all rows of the card. found: those that are shown.
    """
    chart = spec(card, on_paper, every)
    if chart is None or not found.rows:
        return None
    import vl_convert

    title = {
        "text": card.name,
        "subtitle": card.question,
        "anchor": "start",
        "offset": 14,
        "fontSize": 15,
        "color": on_paper("ink"),
        "subtitleColor": on_paper("muted"),
    }
    rows = chart_rows(card, found)
    chart = fitted(chart, card, rows, on_paper, PICTURE["width"])
    config = vega_config(on_paper, "sans-serif")
    chart |= {"config": config, "background": "white", "padding": 16, "title": title, **PICTURE,
              "datasets": {"rows": rows}}  # fmt: skip
    return vl_convert.vegalite_to_png(chart, scale=2)
