"""The company's web site: visits by cookie, anonymous until the visitor says who it is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from o2r.synthetic.catalog import COUNTRIES, FEATURES
from o2r.synthetic.columns import MICROS_PER_DAY, number_ids, pick, table
from o2r.synthetic.people import CHANNELS, People, build_people
from o2r.synthetic.sources.contacts import LEAD_SOURCES, sha256
from o2r.synthetic.sources.product import BROWSERS, DEVICES
from o2r.synthetic.world import World

SITE = "https://www.lumen-cloud.example"
PAGES = (
    *("/", "/pricing", "/docs", "/docs/quickstart", "/blog", "/customers", "/security", "/status"),
    *(f"/product/{name.replace('_', '-')}" for name in FEATURES),
)
PRICING, DEMO = PAGES.index("/pricing"), "/demo"
PAGEVIEW, PRICING_CLICK, DEMO_REQUEST = range(3)
EVENT_TYPES = ("pageview", "pricing_click", "demo_request")
VISITS_PER_WEEK = 0.22
"""Visits of a known person in a week."""
VISITS_BEFORE, DAYS_BEFORE = 4.0, 50.0
"""Mean number of visits before a person becomes known, and the days over which they spread."""
PAGES_PER_VISIT = 2.6
STRANGERS_PER_PERSON = 0.8
"""Visitors who never say who they are, for each person."""
REQUESTS_DEMO = 0.6
SIGNED_LINK, SIGNED_IN_ROOM = 0.12, 0.5
"""Chance that a visit of a known person names the contact: on a device of its own, and shared."""
MEETING_ROOM, ROOM_VISIT = 0.10, 0.30
"""Share of accounts with a device used by several people; share of their visits made on it."""
NO_COOKIE = 0.03
FORM_IN_URL = 0.1
"""Chance that a demo request leaves the address in the query of the page."""
CLOSEST = 5 * 60 * 1_000_000
"""Least time between a visitor's last page and the request, microseconds."""


@dataclass(frozen=True)
class _Events:
    """One entry per event (n,). person -1: a stranger. named: the row holds the contact's id.

    visitor: number of the person, or of the stranger after all people; device: 0 the usual one, 1
    another one, 2 the account's meeting room. paid: the first page of a visit from a campaign.
    """

    visitor: np.ndarray
    person: np.ndarray
    device: np.ndarray
    at: np.ndarray
    kind: np.ndarray
    page: np.ndarray
    named: np.ndarray
    first: np.ndarray


def _moments(world: World, people: People, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """(visitor, instant) of every visit in the window, before and after a person is known."""
    timeline, size = world.timeline, len(people)
    start, end = timeline.window_start * MICROS_PER_DAY, timeline.end_micros
    early = np.repeat(np.arange(size), rng.poisson(VISITS_BEFORE, size))
    back = rng.uniform(0.0, DAYS_BEFORE, len(early)) * MICROS_PER_DAY
    early_at = people.created[early] - back.astype(np.int64) - 2 * CLOSEST
    weeks = (end - start) / (7 * MICROS_PER_DAY)
    late = np.repeat(np.arange(size), rng.poisson(VISITS_PER_WEEK * weeks, size))
    late_at = start + (rng.random(len(late)) * (end - start)).astype(np.int64)
    gone = ~world.panel.using[people.account[late], timeline.week_of(late_at // MICROS_PER_DAY)]
    kept = (late_at > people.created[late]) & ~(gone & (rng.random(len(late)) < 0.8))
    strangers = size + np.arange(round(STRANGERS_PER_PERSON * size))
    guest = np.repeat(strangers, 1 + rng.poisson(0.7, len(strangers)))
    guest_at = start + (rng.random(len(guest)) * (end - start)).astype(np.int64)
    visitor = np.concatenate([early, late[kept], guest])
    at = np.concatenate([early_at, late_at[kept], guest_at])
    inside = (at >= start) & (at < end)
    return visitor[inside], at[inside]


def _pages(world: World, people: People, rng: np.random.Generator) -> _Events:
    """The pages of all visits."""
    visitor, at = _moments(world, people, rng)
    person = np.where(visitor < len(people), visitor, -1)
    known = (person >= 0) & (at > people.created[person])
    account = people.account[person]
    shares = world.rng("web.rooms").random(len(world.accounts)) < MEETING_ROOM
    in_room = known & shares[account] & (rng.random(len(at)) < ROOM_VISIT)
    device = np.where(in_room, 2, np.where(rng.random(len(at)) < 0.2, 1, 0))
    named = known & (rng.random(len(at)) < np.where(in_room, SIGNED_IN_ROOM, SIGNED_LINK))
    count = 1 + rng.poisson(PAGES_PER_VISIT - 1.0, len(at))
    visit = np.repeat(np.arange(len(at)), count)
    number = np.arange(len(visit)) - np.repeat(np.cumsum(count) - count, count)
    pause = np.floor(number * 40.0 * rng.uniform(0.2, 1.0, len(visit)) * 1e6).astype(np.int64)
    page = np.floor(len(PAGES) * rng.random(len(visit)) ** 1.5).astype(int)
    clicks = (page == PRICING) & (rng.random(len(visit)) < 0.3)
    return _Events(
        visitor[visit],
        person[visit],
        device[visit],
        at[visit] + pause,
        np.where(clicks, PRICING_CLICK, PAGEVIEW),
        page,
        named[visit],
        number == 0,
    )


def _requests(world: World, people: People, rng: np.random.Generator) -> _Events:
    """Demo requests: the instant from which the CRM knows a person."""
    start, end = world.timeline.window_start * MICROS_PER_DAY, world.timeline.end_micros
    asks = (rng.random(len(people)) < REQUESTS_DEMO) & (people.created >= start)
    person = np.flatnonzero(asks & (people.created < end))
    size = len(person)
    return _Events(
        person,
        person,
        np.zeros(size, int),
        people.created[person],
        np.full(size, DEMO_REQUEST),
        np.full(size, len(PAGES)),
        rng.random(size) < 0.5,
        np.zeros(size, bool),
    )


def _urls(world: World, people: People, events: _Events, rng: np.random.Generator) -> pa.Array:
    """Pages (n,) with the query that a form or a campaign left in them."""
    urls = pick([SITE + page for page in (*PAGES, DEMO)], events.page).to_pylist()
    careless = (events.kind == DEMO_REQUEST) & (rng.random(len(urls)) < FORM_IN_URL)
    for row in np.flatnonzero(careless):
        person = events.person[row]
        urls[row] += f"?name={people.first_names[person]}&email={people.emails[person, 0]}"
    return pa.array(urls, pa.string())


def _events(world: World, people: People, rng: np.random.Generator) -> _Events:
    """Pages and requests in the order of their instants."""
    both = _pages(world, people, rng), _requests(world, people, rng)
    names = list(_Events.__dataclass_fields__)
    columns = {n: np.concatenate([getattr(part, n) for part in both]) for n in names}
    order = np.lexsort((columns["kind"], columns["page"], columns["visitor"], columns["at"]))
    order = order[columns["at"][order] < world.timeline.end_micros]
    return _Events(**{name: values[order] for name, values in columns.items()})


def _cookies(people: People, events: _Events, rng: np.random.Generator) -> pa.Array:
    """First-party cookie (n,): by visitor and device, or by account in a meeting room."""
    own = 2 * events.visitor + events.device
    room = 2 * (events.visitor.max(initial=0) + 1) + people.account[events.person]
    number = np.where(events.device == 2, room, own)
    cookies = number_ids("fp.", number * 7919 + 104_729, 9)
    refused = (events.kind == DEMO_REQUEST) & (rng.random(len(number)) < NO_COOKIE)
    return pa.array(np.where(refused, None, cookies.to_numpy(zero_copy_only=False)), pa.string())


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Pages, clicks and demo requests of the telemetry window, ordered by instant."""
    rng = world.rng("web")
    people = build_people(world)
    events = _events(world, people, rng)
    size = len(events.at)
    request = events.kind == DEMO_REQUEST
    hashes = [sha256(email) for email in people.emails[:, 0]]
    gives_address = request & ~(events.named & (rng.random(size) < 0.5))
    channel = np.where(events.person >= 0, people.channel[events.person], events.visitor % 6)
    campaign = events.first & (rng.random(size) < 0.5)
    source = [LEAD_SOURCES[name] for name in CHANNELS]
    search = campaign & (channel == CHANNELS.index("paid_search"))
    click = np.where(search, np.arange(size), -1)
    country = np.where(
        events.person >= 0,
        world.accounts.country[people.account[events.person]],
        events.visitor % len(COUNTRIES),
    )
    instant = events.at.view("datetime64[us]")
    medium, name = ([part[k] or "none" for part in source] for k in (1, 2))
    from_campaign = np.where(campaign & (channel > 0), channel, -1)
    has_name = np.isin(channel, [i for i, part in enumerate(source) if part[2]])
    rows = table(
        "web_events",
        size,
        event_id=number_ids("web-", np.arange(1, size + 1), 8),
        event_timestamp=instant,
        fp_cookie_id=_cookies(people, events, rng),
        hem=pick(hashes, np.where(gives_address, events.person, -1)),
        crm_contact_id=pick(
            number_ids("con-", np.arange(1, len(people) + 1), 6),
            np.where(events.named, events.person, -1),
        ),
        event_type=pick(EVENT_TYPES, events.kind),
        page_url=_urls(world, people, events, rng),
        utm_source=pick([part[0] for part in source], from_campaign),
        utm_medium=pick(medium, from_campaign),
        utm_campaign=pick(name, np.where(has_name, from_campaign, -1)),
        gclid=pick([f"gclid-{n:08x}" for n in range(size)], click),
        device_class=pick(DEVICES, np.where(events.device == 1, 1, 0)),
        browser=pick(BROWSERS, (events.visitor + events.device) % len(BROWSERS)),
        country=pick([c.code for c in COUNTRIES], country),
        created_at=instant,
    )
    yield "web_events", rows
