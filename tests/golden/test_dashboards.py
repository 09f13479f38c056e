"""Every card of every dashboard on the book's chapter 12: rows, or why there are none."""

from collections.abc import Callable

import pytest
from tests.metrics.cards import PLACES, Place, choices, kept, rows_of, shown
from tests.metrics.warehouse import chapter12_gold

from o2r.dashboards.queries import selected
from o2r.settings import Settings

REASONS = {
    "the four weeks begin on 5 January, so that no month is whole": {
        "customer": [
            "Do new customers adopt the product within 91 days?",
            "Retention rate",
            "Usage retention rate",
            "Do customers of the month before stay?",
            "Do they use as much as before?",
            "How many accounts of the start of the year are left?",
        ],
        "drivers_gtm": ["Which channels bring customers who adopt?"],
        "product_performance": [
            "How hard did each model work at its peak?",
            "Who uses most, and is it growing?",
        ],
        "revenue": [
            "Average revenue per account",
            "How does each month compare?",
            "Do new accounts pay as much as existing ones?",
            "Which small part grows fast?",
            "Whose revenue changed most in the newest month?",
            "How did each model do in the newest month?",
            "What is a customer worth over its lifetime?",
            "What drives it, month by month?",
        ],
        "state_of_the_business": [
            "Monthly revenue",
            "Monthly growth rate",
            "Active accounts",
            "Do customers stay, and use as much as before?",
            "Where did the revenue of the newest month come from?",
        ],
    },
    "nobody who signed up in its month has had 91 days": {"customer": ["Adoption rate"]},
    "nobody who signed up is ten weeks old": {
        "customer": ["Do late accounts recover, and does a health check help?"],
    },
    "the book has neither contacts nor spend": {
        "drivers_gtm": ["What does a lead cost, and where does it come from?"],
    },
    "the book knows no contracts": {
        "customer": [
            *("Churn rate per month", "Do they keep paying?"),
            "Who left, from which industry, and how was it used before?",
        ],
        "o2r_chain": ["What comes before churn?"],
        "revenue_retention": [
            "Net revenue retention, trailing 12 months",
            "Gross revenue retention, trailing 12 months",
            "Logo retention, trailing 12 months",
            "Churn rate per month",
            "Do we keep more, or less, of what customers paid a year ago?",
            "Which months lost revenue, and how?",
            "Where did MRR come from, and where did it go?",
            "How much is kept after each month, over all cohorts?",
            "On how many accounts does it rest?",
            "How many accounts of each cohort still pay?",
            "How much of its first MRR does each cohort pay?",
            "When is how much up for renewal?",
            "How many annual contracts are renewed?",
            "Which renewals are overdue, or due in the next 90 days?",
            "Who gave up recurring revenue, and what went before?",
            "Whose contract was won, came back or grew?",
        ],
        "state_of_the_business": [
            "Net revenue retention, trailing 12 months",
            "Gross revenue retention, trailing 12 months",
            "Churn rate per month",
            "Where did recurring revenue come from, and where did it go?",
            "How much revenue do we keep from customers of a year ago?",
            "How much of what it began with did each month keep?",
        ],
    },
    "the book knows neither contracts nor what customer success does": {
        "customer_health": [
            "Whom to call first?",
            "Who needs a follow-up?",
            "What became of each tier within 90 days?",
        ],
    },
    "the book asks nobody how satisfied they are": {
        "customer": ["Survey satisfaction"],
        "o2r_chain": ["What comes before a worse survey answer?"],
    },
    "the book knows no priorities, so that no ticket has a target": {
        "support_sla": [
            "SLA adherence",
            "First-response adherence",
            "Are we keeping what we promise?",
            "Which priorities and segments miss their targets?",
            "Which priority slips?",
            "Do we answer in time?",
            "What would business hours make of the same targets?",
            "Does it show in the ratings?",
        ],
    },
    "every ticket of the book is resolved": {
        "support_sla": [
            "Which open tickets are overdue, and which are due next?",
            "Whose open tickets are late?",
            "How old are the open tickets?",
        ],
    },
    "no account has 50 requests in a week": {
        "o2r_chain": ["Which weeks of which accounts were worst, and what followed?"],
        "operational": ["Which customers had most errors last week?"],
    },
    "four weeks are too little history": {
        "operational": ["Which signals of the product are out of their usual range?"],
        "weekly_business_review": ["What left its usual range this week?"],
    },
    "the book knows no features": {
        "product_performance": [
            "How much of the product do customers use?",
            "How many features are used, out of how many?",
            "Do users finish what they start?",
            "Is the share of abandoned flows below its limit?",
        ],
    },
    "the book knows neither contacts nor visits of a web site": {
        "audiences": [
            "How large is each audience?",
            "By what can the platforms match them?",
        ],
        "people": [
            "How many people of each account do we know?",
            "Do visitors become people we know?",
            "Where do the people we know come from?",
            "Which identifiers are there, and how many are shared?",
            "How often do people turn out to be the same?",
        ],
    },
    "the book knows no contracts, rate limits or features, so that no account is in an audience": {
        "audiences": ["In which segments are they?", "Which accounts are they, and why?"],
    },
    "the book knows neither deals nor visits of a web site": {
        "audiences": [
            "Which conversions can advertising learn from?",
            "What keeps the others back?",
        ],
    },
    "the book knows no deals": {
        "pipeline": [
            "How far do deals come?",
            "Where are deals lost, and where do they wait?",
            "What will the open deals bring in?",
            "Do we win more than we lose?",
            "Which share do we win?",
            "How long does a sale take?",
            "Do deals created lately do better?",
            "Which deals are open?",
            "How do deals move?",
            "Which leads become revenue?",
            "Which campaigns bring deals that are won?",
        ],
    },
    "the book knows neither uses of features nor visits of a web site": {
        "customer_value": [
            "Which features is an account interested in?",
            "What are people at an account interested in?",
        ],
    },
    "what accounts paid later cannot be said without contracts": {
        "customer_value": [
            "How many examples are there of each action?",
            "What did accounts bring in after the cut-off?",
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
            "How many ask for other limits?",
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
        wanted = [{name: row[name] for name in selected(place.card)} for row in rows]
        assert shown(place, chosen, chapter12) == wanted, chosen


def test_the_list_of_empty_cards_names_cards() -> None:
    assert EMPTY.keys() <= {str(place) for place in PLACES}
