"""Product analytics: logins, features used, onboarding flows, releases."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from o2r.synthetic.catalog import COUNTRIES, FEATURES
from o2r.synthetic.columns import MICROS_PER_DAY, instants, number_ids, pick, table
from o2r.synthetic.people import build_people
from o2r.synthetic.timeline import Timeline
from o2r.synthetic.world import World

EVENTS_PER_REQUEST = 0.2
"""Product events for each inference request of the simulation."""
LOGIN_SHARE = 0.3
LINKED_USERS, LINKED_EVENTS = 0.6, 0.4
"""Share of users whose contact the product knows, and of their events that say so."""
RELEASED_BEFORE = 8
"""The first features of the list were there before the window; the rest is released inside it."""
DEVICES = ("desktop", "mobile", "tablet")
BROWSERS = ("chrome", "firefox", "safari", "edge")
JOURNEYS = {
    "onboarding": ("create_workspace", "invite_team", "connect_data", "first_request"),
    "key_setup": ("create_key", "store_key", "verify_key"),
}
STEP_SUCCESS = {"onboarding": 0.93, "key_setup": 0.90}
ACTIONS = ("started", "completed", "abandoned")
STARTED, COMPLETED, ABANDONED = range(3)


def release_days(timeline: Timeline) -> np.ndarray:
    """Day number on which each feature was released (F,), the last ones inside the window."""
    old = timeline.money_start - 30 - 60 * np.arange(RELEASED_BEFORE, 0, -1)
    new = len(FEATURES) - RELEASED_BEFORE
    span = timeline.end - timeline.window_start
    recent = timeline.window_start + np.arange(1, new + 1) * span // (new + 1)
    return np.concatenate([old, recent])


def _seats(world: World, account: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Number (n,) of a product user of each account, from 1; the first ones are the busiest."""
    return 1 + np.floor(world.accounts.seats[account] * rng.random(len(account)) ** 1.7).astype(int)


def _users(world: World, account: np.ndarray, seat: np.ndarray) -> list[str]:
    """Identifiers (n,) of product users."""
    ids = world.accounts.ids
    return [f"usr-{ids[a][4:]}-{s:02d}" for a, s in zip(account, seat, strict=True)]


class _Contacts:
    """Contacts that the product knows its users by: of some users, and not on every event."""

    def __init__(self, world: World):
        self.rng = world.rng("product.contacts")
        self.people = build_people(world)
        self.linked = self.rng.random(len(self.people)) < LINKED_USERS
        self.first = np.searchsorted(self.people.account, np.arange(len(world.accounts) + 1))
        self.ids = number_ids("con-", np.arange(1, len(self.people) + 1), 6)

    def of(self, account: np.ndarray, seat: np.ndarray, micros: np.ndarray) -> pa.Array:
        """Contact (n,) of each user at an instant; null where the product does not know it."""
        person = self.first[account] + seat - 1
        known = person < self.first[account + 1]
        person = np.where(known, person, 0)
        known &= self.linked[person] & (self.people.created[person] <= micros)
        known &= self.rng.random(len(account)) < LINKED_EVENTS
        return pick(self.ids, np.where(known, person, -1))


def _feature(world: World, account: np.ndarray, day: np.ndarray, rng) -> np.ndarray:
    """Feature used (n,): healthy accounts reach deeper; nothing before its release."""
    depth = np.clip(6.0 + 2.5 * world.accounts.health[account], 2.0, 12.0)
    feature = np.floor(depth * rng.random(len(account)) ** 1.3).astype(int)
    released = release_days(world.timeline)[feature] < day
    return np.where(released, feature, feature % RELEASED_BEFORE)


def _usage_events(world: World) -> Iterator[pa.Table]:
    """Logins and features used, one chunk per ISO week, ordered by instant."""
    rng = world.rng("product")
    accounts = world.accounts
    contacts = _Contacts(world)
    for week, days in world.timeline.telemetry_weeks():
        rate = EVENTS_PER_REQUEST * world.request_rate(days)
        counts = rng.poisson(rate)
        account, column = (np.repeat(i, counts[counts > 0]) for i in np.nonzero(counts))
        day = days[column]
        second = np.floor(6 * 3600 + 15 * 3600 * rng.beta(2.0, 2.0, len(account))).astype(int)
        order = np.lexsort((account, second, day))
        account, day, second = account[order], day[order], second[order]
        login = rng.random(len(account)) < LOGIN_SHARE
        feature = np.where(login, -1, _feature(world, account, day, rng))
        instant = instants(day, second * 1_000_000)
        seat = _seats(world, account, rng)
        yield table(
            "product_usage_events",
            len(account),
            event_id=number_ids(
                f"evt-{world.timeline.label(week)}-", np.arange(1, len(account) + 1), 7
            ),
            event_timestamp=instant,
            product_user_id=_users(world, account, seat),
            crm_contact_id=contacts.of(account, seat, instant.view(np.int64)),
            crm_account_id=pick(accounts.ids, account),
            event_type=pick(("feature_used", "login"), login.astype(int)),
            feature_name=pick(FEATURES, feature),
            session_duration_sec=np.rint(rng.lognormal(6.2, 0.8, len(account))).astype(np.int64),
            device_class=pick(DEVICES, rng.choice(3, len(account), p=[0.86, 0.11, 0.03])),
            browser=pick(BROWSERS, rng.choice(4, len(account), p=[0.6, 0.14, 0.16, 0.1])),
            country=pick([c.code for c in COUNTRIES], accounts.country[account]),
            created_at=instant,
        )


def _flow_events(world: World, rng: np.random.Generator) -> list[tuple]:
    """(instant, account, journey, step, action) of the flows after each recent sign-up."""
    accounts, timeline = world.accounts, world.timeline
    found = []
    for a in np.flatnonzero(accounts.signup >= timeline.money_start):
        adopts = accounts.first_use[a] <= timeline.end + 60
        moment = int(accounts.signup_micros[a])
        luck = rng.random((2, 4, 3))
        for j, (journey, steps) in enumerate(JOURNEYS.items()):
            goes_on = STEP_SUCCESS[journey] if adopts else 0.55
            for k, step in enumerate(steps):
                moment += int((60 + 3_000 * luck[j, k, 0]) * 1_000_000)
                found.append((moment, a, journey, step, STARTED))
                moment += int((30 + 900 * luck[j, k, 1]) * 1_000_000)
                done = luck[j, k, 2] < goes_on
                found.append((moment, a, journey, step, COMPLETED if done else ABANDONED))
                if not done:
                    break
    return sorted(event for event in found if event[0] < timeline.end_micros)


def _onboarding(world: World) -> pa.Table:
    """Onboarding and key set-up, step by step, ordered by instant."""
    rng = world.rng("onboarding")
    events = _flow_events(world, rng)
    action = np.array([event[4] for event in events], int)
    account = np.array([event[1] for event in events], int)
    failed = np.where((action == ABANDONED) & (rng.random(len(events)) < 0.4), 0, -1)
    return table(
        "onboarding_step_events",
        len(events),
        event_id=number_ids("onb-", np.arange(1, len(events) + 1), 6),
        account_id=pick(world.accounts.ids, account),
        product_user_id=[f"usr-{world.accounts.ids[a][4:]}-01" for a in account],
        journey=[event[2] for event in events],
        step=[event[3] for event in events],
        action=pick(ACTIONS, action),
        error_code=pick(("validation_failed",), failed),
        event_timestamp=np.array([event[0] for event in events], np.int64).view("datetime64[us]"),
    )


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Product events of the window; onboarding of sign-ups since the first day of revenue."""
    for chunk in _usage_events(world):
        yield "product_usage_events", chunk
    yield "onboarding_step_events", _onboarding(world)
    days = release_days(world.timeline)
    yield (
        "product_feature_releases",
        table(
            "product_feature_releases",
            len(FEATURES),
            feature_name=list(FEATURES),
            released_at=(days * MICROS_PER_DAY + 10 * 3_600_000_000).view("datetime64[us]"),
        ),
    )
