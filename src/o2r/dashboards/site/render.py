"""Templates and the files that pages share."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from o2r.dashboards.site.charts import script
from o2r.dashboards.site.theme import css
from o2r.errors import UserError
from o2r.settings import Settings

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
SCRIPTS = ("vega.js", "format.js", "theme.js", "data.js", "chart.js", "cards.js", "page.js")
"""In the order in which pages load them."""


@cache
def environment() -> Environment:
    """Templates that escape all that they are given."""
    made = Environment(
        loader=PackageLoader("o2r.dashboards.site"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["json.dumps_kwargs"] = {"sort_keys": False, "separators": (",", ":")}
    made.filters["day"] = day_words
    made.filters["grouped"] = _grouped
    return made


def assets(settings: Settings) -> dict[str, str]:
    """Text of every shared file by its name."""
    folder = files("o2r.dashboards.site") / "assets"
    own = {one.name: one.read_text(encoding="utf-8") for one in folder.iterdir()}
    return own | {"theme.css": css(), "theme.js": script(), "vega.js": vega(settings)}


def vega(settings: Settings) -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that needs no network.

    Making it takes seconds, so it is kept below O2R_HOME, one for each version of vl-convert.
    """
    import vl_convert

    kept = settings.home / "site" / f"vega-{vl_convert.__version__}.js"
    if kept.is_file():
        return kept.read_text(encoding="utf-8")
    script = f"(function () {{\n{vl_convert.javascript_bundle()}\n}})();\n"
    try:
        write_aside(kept, script)
    except OSError as error:
        raise UserError(
            f"cannot write to {kept.parent} ({error.strerror}): set O2R_HOME to another folder"
        ) from None
    return script


def write_aside(path: Path, text: str) -> None:
    """Write a file, in a folder that is made, as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(aside).chmod(0o644)
        Path(aside).replace(path)
    finally:
        Path(aside).unlink(missing_ok=True)


def day_words(text: str) -> str:
    """A day as readers see it: 9 Nov 2026."""
    year, month, day = text[:10].split("-")
    return f"{int(day)} {MONTHS[int(month) - 1]} {year}"


def _grouped(text: str | None) -> str:
    if text is None:
        return ""
    whole, _, fraction = text.partition(".")
    return f"{int(whole):,}" + (f".{fraction}" if fraction else "")
