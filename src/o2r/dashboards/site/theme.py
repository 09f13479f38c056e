"""Colours, once: as CSS variables of the pages, and inside the pictures of charts.

Safe for colour-blind readers: series differ in lightness too, and good and bad are blue and orange,
always beside an arrow and a word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LIGHT = {
    "page": "#f5f6f8", "surface": "#ffffff", "ink": "#17202c", "muted": "#556171",
    "line": "#d9dee5", "grid": "#e8ebf0", "accent": "#0b5fa5", "soft": "#e8f1f9",
    "good": "#0b5fa5", "bad": "#b04500", "target": "#556171",
    "series1": "#0b5fa5", "series2": "#d9660a", "series3": "#00806a", "series4": "#a8559b",
    "series5": "#8f6a00", "series6": "#4aa3d8", "series7": "#7a4b2a", "series8": "#6b7685",
}  # fmt: skip
DARK = {
    "page": "#10151c", "surface": "#19202a", "ink": "#e9edf2", "muted": "#a7b2c0",
    "line": "#323d4b", "grid": "#29333f", "accent": "#74b9f5", "soft": "#1f3244",
    "good": "#74b9f5", "bad": "#ff9f5a", "target": "#a7b2c0",
    "series1": "#74b9f5", "series2": "#f59a4c", "series3": "#43c9a9", "series4": "#d99ad0",
    "series5": "#e2bf4a", "series6": "#b5e0ff", "series7": "#cba488", "series8": "#a9b4c2",
}  # fmt: skip
SERIES = tuple(name for name in LIGHT if name.startswith("series"))
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

Colour = Callable[[str], str]


def css() -> str:
    """The variables of both themes; paper is always light."""
    light, dark = ("".join(f"--{k}:{v};" for k, v in theme.items()) for theme in (LIGHT, DARK))
    return (
        f":root{{color-scheme:light;--font:{FONT};{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{"
        f":root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{color-scheme:dark;{dark}}}}}\n"
    )


def in_page(name: str) -> str:
    """A colour that follows the theme of the page."""
    return f"var(--{name})"


def on_paper(name: str) -> str:
    """A colour of the light theme, for pictures."""
    return LIGHT[name]


def vega_config(colour: Colour, font: str) -> dict[str, Any]:
    """Vega-Lite's config: quiet axes, the palette, nothing that a screen reader would trip over.

    The page says in words what a chart shows, so the marks themselves are hidden from it.
    """
    words = {"labelColor": colour("muted"), "titleColor": colour("muted"), "labelFontSize": 11,
             "titleFontSize": 11, "titleFontWeight": "normal"}  # fmt: skip
    return {
        "aria": False,
        "background": "transparent",
        "font": font,
        "view": {"stroke": None},
        "axis": words | {"domainColor": colour("line"), "tickColor": colour("line"),
                         "gridColor": colour("grid"), "labelPadding": 6, "tickSize": 4},
        "axisX": {"grid": False, "labelOverlap": True, "labelFlush": False},
        "axisY": {"domain": False, "ticks": False, "tickCount": 5, "labelLimit": 220},
        "legend": words | {"labelColor": colour("ink"), "labelLimit": 260, "orient": "top",
                           "title": None, "columns": 3, "padding": 0, "offset": 24,
                           "symbolSize": 80},
        "range": {"category": [colour(name) for name in SERIES]},
        "line": {"strokeWidth": 2.25, "color": colour("series1")},
        "area": {"color": colour("series1")},
        "bar": {"color": colour("series1")},
        "point": {"color": colour("series1"), "filled": True},
    }  # fmt: skip
