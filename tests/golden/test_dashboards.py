"""Every card of every dashboard on the book's chapter 12: rows, or why there are none."""

from collections.abc import Callable

import pytest
from tests.metrics.cards import PLACES, Place, choices, kept, rows_of, shown
from tests.metrics.warehouse import chapter12_gold

from o2r.settings import Settings

REASONS = {
    "the four weeks hold one month that is over, so that nothing is compared": {
        "customer": [
            "Retention rate",
            "Usage retention rate",
            "Do customers of the month before stay?",
            "Do they use as much as before?",
            "How many accounts of the start of the year are left?",
        ],
        "revenue": ["Whose revenue changed most in the newest month?"],
        "state_of_the_business": [
            "Monthly growth rate",
            "Do customers stay, and use as much as before?",
        ],
    },
    "nobody who signed up in its month has had 91 days": {"customer": ["Adoption rate"]},
    "the book knows no contracts": {
        "customer": ["Churn rate per month", "Do they keep paying?"],
        "o2r_chain": ["What comes before churn?"],
        "revenue": [
            "Net revenue retention, trailing 12 months",
            "Gross revenue retention, trailing 12 months",
            "Where did MRR come from, and where did it go?",
            "Whose contract was won, grew, shrank or was lost?",
        ],
        "state_of_the_business": [
            "Net revenue retention, trailing 12 months",
            "Gross revenue retention, trailing 12 months",
            "Churn rate per month",
            "Where did recurring revenue come from, and where did it go?",
            "How much revenue do we keep from customers of a year ago?",
            "How did each period retain what it began with?",
        ],
    },
    "the book asks nobody how satisfied they are": {
        "customer": ["Survey satisfaction"],
        "o2r_chain": ["What comes before a worse survey answer?"],
    },
    "no account has 50 requests in a week": {
        "o2r_chain": ["Which weeks of which accounts were worst, and what followed?"],
        "operational": ["Which customers had most errors last week?"],
    },
    "four weeks are too little history": {
        "operational": ["Which signals of the product are out of their usual range?"],
        "weekly_business_review": ["What left its usual range this week?"],
    },
    "the last week of the book has no error and meets every target": {
        "operational": ["Where does the product miss its targets?"],
    },
    "the book knows no features": {
        "product_performance": [
            "How much of the product do customers use?",
            "How many features are used, out of how many?",
            "Do users finish what they start?",
            "Is the share of abandoned flows below its limit?",
        ],
    },
    "the book knows neither pods and instances nor rate limits": {
        "resource_utilisation_and_capacity": [
            "Resource utilisation, median",
            "Resource utilisation, 90th percentile",
            "Resource utilisation, peak",
            "How busy are the serving pods?",
            "Where is the least room left at the busiest minute?",
            "How did a model's peak develop?",
            "Was each model offered where it should be?",
            "Where is revenue at risk?",
            "When does capacity run out?",
            "Which models have too many instances, or too few?",
            "How many of our instances serve?",
            "Where do instances stand idle today?",
            "Whose are the idle instances, and what do they cost?",
            "Which reservations stand idle longest?",
            "Who is near a rate limit, and should be offered a higher one?",
            "Do we decide on requests for other limits as fast as they come?",
            "How many wait at the end of each week?",
            "How long does a decision take, and how often is it yes?",
            "Who waits for a decision?",
        ],
        "state_of_the_business": [
            "How much revenue is served where capacity is short?",
            "Where does capacity run out next?",
        ],
    },
}
EMPTY = {
    f"{board}: {name}": reason
    for reason, boards in REASONS.items()
    for board, names in boards.items()
    for name in names
}
"""Cards without a row, and why; one with rows has no place here."""


@pytest.fixture(scope="module")
def chapter12(new_database: Callable[[], Settings]) -> Settings:
    return chapter12_gold(new_database)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_it_answers_or_says_why_not(place: Place, chapter12: Settings) -> None:
    rows = rows_of(place, chapter12)
    assert bool(rows) == (str(place) not in EMPTY), EMPTY.get(str(place), place.card.empty)
    keys = [tuple(row[key.removeprefix("-")] for key in place.card.order) for row in rows]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_metabase_and_the_site_filter_alike(place: Place, chapter12: Settings) -> None:
    for chosen in choices(place, chapter12):
        rows = kept(place, chosen, rows_of(place, chapter12))
        wanted = [{name: row[name] for name in place.card.columns} for row in rows]
        assert shown(place, chosen, chapter12) == wanted, chosen


def test_the_list_of_empty_cards_names_cards() -> None:
    assert EMPTY.keys() <= {str(place) for place in PLACES}
