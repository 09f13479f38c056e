"""How long readers wait: the SQL of each card, and each page of the site, on the demo.

    python benchmarks/dashboards.py [--rounds 3]

Takes the demo as it is (`make demo`), or makes it first, under O2R_HOME. For each card it prints
the best time of its query over the rounds, for each page the best time from opening it in a new
headless Chromium profile until its last chart is drawn: the slowest of each, and the sum. Exits
with 1 when a card needs more than 1 second or a page more than 2.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from o2r.dashboards.queries import all_rows
from o2r.dashboards.read import read_definitions
from o2r.demo.run import run_demo
from o2r.errors import UserError
from o2r.settings import Settings, load_settings
from o2r.warehouse import connect

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.chromium import chromium

CARD_LIMIT = 1.0  # seconds
PAGE_LIMIT = 2.0  # seconds
DRAWN = "document.documentElement.dataset.drawn === 'all' || !document.querySelector('#page-data')"
SHOWN = 5  # slowest ones that are printed

Timing = tuple[str, float]


def cards(settings: Settings, rounds: int) -> Iterator[Timing]:
    """Name and seconds of each card, all its rows fetched."""
    with closing(connect(settings, read_only=True)) as connection, connection.cursor() as cursor:
        for board in read_definitions(settings).dashboards.values():
            for card in board.cards:
                statement = all_rows(card, lambda mart: f"mart_gold.{mart}")
                seconds = []
                for _ in range(rounds):
                    begin = time.perf_counter()
                    cursor.execute(statement)
                    cursor.fetchall()
                    seconds.append(time.perf_counter() - begin)
                yield f"{board.key}: {card.name}", min(seconds)


def pages(site: Path, rounds: int) -> Iterator[Timing]:
    """Name and seconds of the front page and of each dashboard, drawn to the end."""
    with chromium() as browser:
        for path in [site / "index.html", *sorted(site.glob("dashboards/*.html"))]:
            seconds = []
            for _ in range(rounds):
                with browser.new_context() as context:
                    page = context.new_page()
                    begin = time.perf_counter()
                    page.goto(path.as_uri())
                    page.wait_for_function(DRAWN)
                    seconds.append(time.perf_counter() - begin)
            yield path.stem, min(seconds)


def report(what: str, timings: list[Timing], limit: float) -> bool:
    """Print the slowest; whether all keep the limit."""
    slowest = sorted(timings, key=lambda timing: -timing[1])
    total = sum(seconds for _, seconds in timings)
    print(f"{len(timings)} {what}, {total:.2f} s together; the slowest (limit {limit:.0f} s):")
    for name, seconds in slowest[:SHOWN]:
        print(f"{seconds:8.3f} s   {name}")
    return slowest[0][1] <= limit


def main() -> int:
    """Measure, print, compare with the limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    settings = load_settings()
    try:
        front = run_demo(settings, print)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    kept = [
        report("cards", list(cards(settings, rounds)), CARD_LIMIT),
        report("pages", list(pages(front.parent, rounds)), PAGE_LIMIT),
    ]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
