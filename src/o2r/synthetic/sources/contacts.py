"""The CRM's contacts: one row per person and change, typed by people."""

import hashlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from o2r.synthetic.catalog import COUNTRIES, VERTICALS
from o2r.synthetic.columns import MICROS_PER_DAY, number_ids, pick, table
from o2r.synthetic.people import CHANNELS, People, build_people
from o2r.synthetic.phones import STYLES, written
from o2r.synthetic.sources.crm import SIZES, industries
from o2r.synthetic.sources.deals import STAGES, build_deals
from o2r.synthetic.world import World

ROLES = (
    ("Chief Technology Officer", "Engineering", "c_level"),
    ("Head of Data", "Data", "director"),
    ("Platform Engineer", "Engineering", "senior"),
    ("Data Scientist", "Data", "senior"),
    ("Product Manager", "Product", "manager"),
    ("Procurement Manager", "Finance", "manager"),
    ("Support Engineer", "Support", "junior"),
)
LEAD_SOURCES = {
    "direct": ("direct", None, None),
    "paid_search": ("google", "cpc", "inference-api"),
    "organic": ("google", "organic", None),
    "newsletter": ("newsletter", "email", "monthly-letter"),
    "partner": ("partner", "referral", None),
    "event": ("event", "offline", "ai-summit"),
}
"""Source, medium and campaign by channel; web visits carry the same."""
HASHED_BY_SOURCE, WITHOUT_ADDRESS = 0.10, 0.04
"""Chance that a version holds the hash instead of the address, and that it holds none."""
PLACEHOLDERS = ("N/A", "none", "-", "")
CONSENTS, WITHDRAWS = 0.55, 0.15


def sha256(text: str) -> str:
    """SHA-256 of a text in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _typed(email: str, style: int) -> str:
    """An address as people type it: the way it is, in capitals, with blanks around it."""
    spellings = (email, email, email, email.title(), email.upper(), f" {email}", f"{email}\t ")
    return spellings[style]


def _versions(world: World, people: People) -> list[tuple[np.ndarray, ...]]:
    """(person, instant, stage or -1, consent change or 0) of every change, as column parts."""
    rng = world.rng("contacts")
    size = len(people)
    everyone, nothing = np.arange(size), np.zeros(size, int)
    changes = build_deals(world, people)
    asked = people.created + (rng.uniform(0.1, 20.0, size) * MICROS_PER_DAY).astype(np.int64)
    agreed = rng.random(size) < CONSENTS
    withdrawn = asked + (rng.uniform(30.0, 400.0, size) * MICROS_PER_DAY).astype(np.int64)
    takes_back = agreed & (rng.random(size) < WITHDRAWS)
    answers = rng.random(size) < 0.85
    return [
        (everyone, people.created, nothing - 1, nothing),
        (everyone, people.moved, nothing - 1, nothing),
        (changes.person, changes.at, changes.new, np.zeros(len(changes.at), int)),
        (everyone[answers], asked[answers], nothing[answers] - 1, np.where(agreed, 1, 2)[answers]),
        (
            everyone[answers & takes_back],
            withdrawn[answers & takes_back],
            nothing[answers & takes_back] - 1,
            nothing[answers & takes_back] + 2,
        ),
    ]


def _latest(person: np.ndarray, set_here: np.ndarray) -> np.ndarray:
    """Row (n,) of the newest row of the same person at which something was set; -1 for none."""
    rows = np.maximum.accumulate(np.where(set_here, np.arange(len(person)), -1))
    return np.where((rows >= 0) & (person[rows] == person), rows, -1)


def _contacts(world: World) -> pa.Table:
    """Versions of all contacts up to the last day of data, ordered by person and instant."""
    people = build_people(world)
    columns = [np.concatenate(part) for part in zip(*_versions(world, people), strict=True)]
    order = np.lexsort((columns[2], columns[1], columns[0]))
    order = order[columns[1][order] < world.timeline.end_micros]
    person, at, stage, consent = (column[order] for column in columns)
    staged, answered = _latest(person, stage >= 0), _latest(person, consent > 0)
    # Two changes of one person at one instant are one version, the last of them.
    last = np.append((person[1:] != person[:-1]) | (at[1:] != at[:-1]), True)[: len(person)]
    agreed = np.where(answered >= 0, consent[answered], 0)[last]
    answered_at = np.where(answered >= 0, at[answered], np.iinfo(np.int64).min)[last]
    stage = np.where(staged >= 0, stage[staged], -1)[last]
    person, at = person[last], at[last]

    rng = world.rng("contacts.typing")
    size = len(person)
    kind = rng.random(size)
    style, phone_style = rng.integers(7, size=size), rng.integers(STYLES, size=len(people))
    upper, holder = rng.random(size) < 0.3, rng.integers(len(PLACEHOLDERS), size=size)
    emails = people.email_at(person, at)
    hashed = kind < HASHED_BY_SOURCE
    empty = ~hashed & (kind < HASHED_BY_SOURCE + WITHOUT_ADDRESS)
    hashes = [sha256(e) if h else None for e, h in zip(emails, hashed, strict=True)]
    typed = [_typed(e, s) for e, s in zip(emails, style, strict=True)]
    accounts, account = world.accounts, people.account[person]
    codes = np.array([c.code for c in COUNTRIES])[accounts.country]
    phones = [
        written(str(number), str(codes[a]), int(s))
        for number, a, s in zip(people.phones, people.account, phone_style, strict=True)
    ]
    role = rng.integers(len(ROLES), size=len(people))[person]
    channels = [LEAD_SOURCES[name] for name in CHANNELS]
    consents = [None, True, False]
    return table(
        "crm_contacts",
        size,
        crm_contact_id=number_ids("con-", person + 1, 6),
        crm_account_id=pick(accounts.ids, account),
        hem=[h.upper() if h and u else h for h, u in zip(hashes, upper, strict=True)],
        email=[
            None if h else PLACEHOLDERS[p] if e else t
            for t, h, e, p in zip(typed, hashed, empty, holder, strict=True)
        ],
        phone=[phones[p] for p in person],
        first_name=people.first_names[person],
        last_name=people.last_names[person],
        job_role=pick([r[0] for r in ROLES], role),
        department=pick([r[1] for r in ROLES], role),
        seniority_level=pick([r[2] for r in ROLES], role),
        company_name=accounts.names[account],
        company_size=pick(SIZES, accounts.tier[account]),
        industry=pick(VERTICALS, industries(world)[account]),
        country=codes[account],
        lead_source=pick([c[0] for c in channels], people.channel[person]),
        lead_medium=[channels[c][1] for c in people.channel[person]],
        lead_campaign=[channels[c][2] for c in people.channel[person]],
        deal_stage=pick(STAGES, stage),
        consent_marketing=[consents[c] for c in agreed],
        consent_timestamp=answered_at.view("datetime64[us]"),
        created_at=people.created[person].view("datetime64[us]"),
        updated_at=at.view("datetime64[us]"),
    )


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Contacts of all accounts and what became of them."""
    yield "crm_contacts", _contacts(world)
