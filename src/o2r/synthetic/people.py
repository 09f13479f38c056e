"""The people of the accounts: what CRM, web and product know of one person under several names."""

from dataclasses import dataclass

import numpy as np

from o2r.synthetic.accounts import NEVER
from o2r.synthetic.catalog import COUNTRIES
from o2r.synthetic.columns import MICROS_PER_DAY
from o2r.synthetic.phones import phone_numbers
from o2r.synthetic.truth import FAILURES_BY_CHANNEL
from o2r.synthetic.world import World

GIVEN_NAMES = (
    *("Ada", "Bruno", "Carla", "Dario", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaori"),
    *("Lena", "Milan", "Nadia", "Omar", "Priya", "Quinn", "Rosa", "Sven", "Tara", "Uma", "Viktor"),
    *("Wendy", "Xenia", "Yusuf", "Zoe"),
)
FAMILY_NAMES = (
    *("Abbott", "Becker", "Castro", "Dubois", "Eriksen", "Ferrari", "Gupta", "Haas", "Ito"),
    *("Jansen", "Kaya", "Lopez", "Moreau", "Novak", "Okafor", "Petit", "Quist", "Rossi", "Sato"),
    *("Tanaka", "Ueda", "Vogel", "Walsh", "Young", "Zeller"),
)
MEAN_COLLEAGUES = (1.6, 3.2, 5.0)
"""Mean number of contacts beside the first one, by tier; there are at most seven."""
MAX_COLLEAGUES = 7
SHARED, PRIVATE = 0.03, 0.15
"""Upper bounds of the draw that decides what a colleague's first address is; the rest: company."""
ONE_MAILBOX = 0.12
"""Share of accounts whose second and third contact have one mailbox together."""
MAILBOXES = ("info", "sales")
MOVES = 0.2
"""Chance that a person gets another address later."""
CHANNELS = ("direct", "paid_search", "organic", "newsletter", "partner", "event")
CHANNEL_SHARES = (0.2, 0.25, 0.25, 0.1, 0.1, 0.1)


@dataclass(frozen=True)
class People:
    """One entry per person (P people), ordered by account and number in it.

    seat (P,): number within the account, from 1; the product's users have the same numbers.
    created (P,): instant on which the CRM learns of the person; moved (P,): instant of the new
    address, beyond the end of data where there is none; both microseconds since 1970.
    emails (P, 2): first and later address, normalised. phones (P,): digits in E.164 with +, ''
    for none. channel (P,): how the person came, index into CHANNELS.
    """

    account: np.ndarray
    seat: np.ndarray
    first_names: np.ndarray
    last_names: np.ndarray
    emails: np.ndarray
    phones: np.ndarray
    channel: np.ndarray
    created: np.ndarray
    moved: np.ndarray

    def __len__(self) -> int:
        return len(self.account)

    def email_at(self, person: np.ndarray, micros: np.ndarray) -> np.ndarray:
        """Address (n,) of each person at an instant."""
        return self.emails[person, (micros >= self.moved[person]).astype(int)]


def slugs(names: np.ndarray) -> np.ndarray:
    """Company names as they stand in domains (n,)."""
    return np.array([name.lower().replace(" ", "-") for name in names])


def _addresses(world: World, account, seat, first, last, kind: np.ndarray) -> np.ndarray:
    """Addresses (P, 2): 'kind' says what the first one is; the later one is the company's."""
    domains = slugs(world.accounts.names)
    taken: set[str] = set()
    found = []
    for a, s, given, family, draw in zip(account, seat, first, last, kind, strict=True):
        name, home = f"{given}.{family}".lower(), f"{domains[a]}.example.com"
        own = f"{name}@{home}" if f"{name}@{home}" not in taken else f"{name}{s}@{home}"
        taken.add(own)
        later = f"{given[0]}{family}{s}@{home}".lower()
        if s == 1 or draw >= PRIVATE:
            found.append((own, later))
        elif draw < SHARED:
            found.append((f"{MAILBOXES[a % len(MAILBOXES)]}@{home}", own))
        else:
            found.append((f"{name}.{a + 1}.{s}@mail.example.net", own))
    return np.array(found)


def _channels(world: World, account, seat, drawn: np.ndarray) -> np.ndarray:
    """Channel (P,): those of the first contacts of accounts that come to nothing are drawn anew.

    So channels differ in the accounts that they bring, and only these few contacts know of it.
    """
    accounts = world.accounts
    fails = accounts.dabbler | (accounts.first_use == NEVER) | (accounts.paid_from == NEVER)
    anew = fails[account] & (seat == 1)
    factors = np.array([FAILURES_BY_CHANNEL[name] for name in CHANNELS])
    again = world.rng("people.channel").choice(
        len(CHANNELS), len(drawn), p=factors * np.array(CHANNEL_SHARES)
    )
    return np.where(anew, again, drawn)


def build_people(world: World) -> People:
    """The people of all accounts; the first one of each account is known before its sign-up."""
    rng = world.rng("people")
    accounts, timeline = world.accounts, world.timeline
    mean = np.array(MEAN_COLLEAGUES)[accounts.tier]
    count = 1 + np.minimum(rng.poisson(mean), MAX_COLLEAGUES)
    account = np.repeat(np.arange(len(accounts)), count)
    seat = np.arange(len(account)) - np.repeat(np.cumsum(count) - count, count) + 1
    size = len(account)
    first = np.array(GIVEN_NAMES)[rng.integers(len(GIVEN_NAMES), size=size)]
    last = np.array(FAMILY_NAMES)[rng.integers(len(FAMILY_NAMES), size=size)]

    signup = accounts.signup_micros[account]
    lead = rng.uniform(2.0, 60.0, size) * MICROS_PER_DAY
    joins = rng.exponential(150.0, size) * MICROS_PER_DAY
    created = (signup + np.where(seat == 1, -lead, joins)).astype(np.int64)
    moved = created + (rng.uniform(30.0, 300.0, size) * MICROS_PER_DAY).astype(np.int64)
    moved = np.where(rng.random(size) < MOVES, moved, timeline.end_micros + MICROS_PER_DAY)
    kind = rng.random(size)
    together = (rng.random(len(accounts)) < ONE_MAILBOX)[account] & np.isin(seat, (2, 3))
    kind = np.where(together, 0.0, kind)
    country = np.array([c.code for c in COUNTRIES])[accounts.country[account]]
    return People(
        account,
        seat,
        first,
        last,
        _addresses(world, account, seat, first, last, kind),
        np.where(rng.random(size) < 0.8, phone_numbers(country), ""),
        _channels(world, account, seat, rng.choice(len(CHANNELS), size, p=CHANNEL_SHARES)),
        created,
        moved,
    )
