"""Pictures of the README and of the documents, taken from the demo's site: `make pictures`.

Needs the site (`make demo`, or `o2r site build`) and a Chromium on the PATH.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page, sync_playwright

from o2r.dashboards.site import site_folder
from o2r.errors import UserError
from o2r.settings import load_settings

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
WIDTH = 1280


class Picture(NamedTuple):
    """A picture: name of its file, page of the site, pixels from the top, and the theme."""

    name: str
    page: str
    height: int
    theme: str = "light"


PICTURES = (
    Picture("front-page", "index.html", 900),
    Picture("state-of-the-business", "dashboards/state_of_the_business.html", 1180),
    Picture("weekly-business-review", "dashboards/weekly_business_review.html", 1000),
    Picture("observability-to-revenue", "dashboards/o2r_chain.html", 1050),
    Picture("metric", "metrics/error_rate_pct.html", 860, "dark"),
)


def take(page: Page, site: Path, picture: Picture) -> None:
    """Write one picture."""
    page.set_viewport_size({"width": WIDTH, "height": picture.height})
    page.emulate_media(color_scheme=picture.theme)
    page.goto("about:blank")
    page.goto((site / picture.page).as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn === 'all'")
    page.screenshot(path=FOLDER / f"{picture.name}.png")


def main() -> None:
    """Take every picture."""
    site = site_folder(load_settings(), "prod")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not (site / "index.html").is_file():
        raise UserError(f"no site in {site}: run `make demo`")
    if program is None:
        raise UserError("no Chromium on the PATH: install the package chromium")
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        for picture in PICTURES:
            take(page, site, picture)
            print(FOLDER / f"{picture.name}.png")
        browser.close()


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
