"""A browser, and the site of the small company, in which one account has a hostile name."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from tests.chromium import chromium
from tests.metrics.warehouse import clone, execute, small_gold

from o2r.dashboards.site import build_site
from o2r.settings import Settings

HOSTILE = '</script><script>hacked = 1</script><img src=x onerror="hacked = 2">&lt;b&gt; \'"`'
"""Name of the account with most revenue."""
RENAME = """
do $$
declare place record;
begin
    for place in
        select table_name from information_schema.columns
        where table_schema = 'mart_gold' and column_name = 'account_name'
    loop
        execute format(
            'update mart_gold.%I set account_name = %L where account_id = (select account_id '
            'from mart_gold.customer_revenue_ytd order by rank_overall limit 1)',
            place.table_name, '{name}'
        );
    end loop;
end $$
"""
NOTES = ("error", "warning")
READY = "document.documentElement.dataset.drawn === 'all' || !document.querySelector('#page-data')"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One headless Chromium for the tests of a module."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def gold(new_database: Callable[[], Settings]) -> Settings:
    """Warehouse of the small company with the hostile name; read only."""
    settings = clone(small_gold(new_database), "small_hostile")
    execute(settings, RENAME.format(name=HOSTILE.replace("'", "''")))
    return settings


@pytest.fixture(scope="session")
def site(gold: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the site; its name needs escaping in an address."""
    return build_site(gold, out=tmp_path_factory.mktemp("site") / "a site #1").parent


class Watched:
    """A page that notes what it should not do: complain, ask the network, run strangers' code."""

    def __init__(self, page: Page, site: Path) -> None:
        self.page, self.site = page, site
        self.complaints: list[str] = []
        page.on("console", lambda note: note.type in NOTES and self.complaints.append(note.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.on("request", self._request)

    def _request(self, request) -> None:
        if not request.url.startswith((self.site.as_uri(), "data:")):
            self.complaints.append(f"asked for {request.url}")

    def open(self, path: str, fragment: str = "") -> Page:
        """Open a page of the site and wait until all of it stands."""
        self.page.goto("about:blank")
        self.page.goto((self.site / path).as_uri() + (f"#{fragment}" if fragment else ""))
        return self.ready()

    def ready(self) -> Page:
        """Wait until every card is drawn."""
        self.page.wait_for_function(READY)
        return self.page


@pytest.fixture
def watched(browser: Browser, site: Path) -> Iterator[Watched]:
    """A new page; in the end it must have nothing to complain about."""
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    made = Watched(context.new_page(), site)
    yield made
    context.close()
    assert made.complaints == []
