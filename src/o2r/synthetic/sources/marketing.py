"""Marketing: campaigns, what they cost each day, and the e-mails that two of them send."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from o2r.synthetic.columns import MICROS_PER_DAY, number_ids, pick, table
from o2r.synthetic.people import build_people
from o2r.synthetic.sources.contacts import sha256
from o2r.synthetic.truth import NURTURE_DAYS, NURTURED, SENT_ANY_TIME
from o2r.synthetic.world import World


@dataclass(frozen=True)
class Campaign:
    """cost: mean of a day in the currency; 0 of a day that costs nothing is no row."""

    name: str
    channel: str
    currency: str
    cost: float
    click_cost: float


CAMPAIGNS = (
    Campaign("inference-api", "search", "USD", 180.0, 3.2),
    Campaign("monthly-letter", "email", "USD", 15.0, 0.4),
    Campaign("ai-summit", "event", "EUR", 60.0, 9.0),
    Campaign("partner-fund", "referral", "GBP", 35.0, 2.0),
    Campaign("wall-of-logos", "social", "EUR", 45.0, 1.1),
    Campaign("trial-nurture", "email", "USD", 8.0, 0.3),
    Campaign("product-news", "email", "USD", 8.0, 0.3),
)
"""Nobody ever came by wall-of-logos."""
NURTURE, NEWS = 5, 6
CLICKS_PER_IMPRESSION = 0.025
WEEKEND = 0.4
STRANGERS_PER_ACCOUNT = 6
"""Recipients of each of the two who never sign up."""
OPENS, CLICKS, BOUNCES, UNSUBSCRIBES = 0.38, 0.16, 0.04, 0.01
"""Chances: to open what was delivered, to click in what was opened, to bounce, to unsubscribe."""
EVENTS = ("delivered", "opened", "clicked", "bounced", "unsubscribed")
DELIVERED, OPENED, CLICKED, BOUNCED, UNSUBSCRIBED = range(5)
NAMES_CONTACT = 0.5
"""Chance that the tool knows a recipient by the contact and not by the address."""


def _campaigns(world: World) -> pa.Table:
    """Each campaign as it begins."""
    size = len(CAMPAIGNS)
    started = np.full(size, world.timeline.money_start)
    return table(
        "marketing_campaigns",
        size,
        campaign_id=number_ids("cmp-", np.arange(1, size + 1), 3),
        campaign_name=[one.name for one in CAMPAIGNS],
        channel=[one.channel for one in CAMPAIGNS],
        started_on=started.astype("datetime64[D]"),
        updated_at=(started * MICROS_PER_DAY).view("datetime64[us]"),
    )


def _spend(world: World) -> pa.Table:
    """Cost, impressions and clicks of each campaign and day since the first day of revenue."""
    rng = world.rng("marketing.spend")
    days, size = world.timeline.days, len(CAMPAIGNS)
    weekday = np.where((days - world.timeline.origin) % 7 >= 5, WEEKEND, 1.0)
    mean = np.array([one.cost for one in CAMPAIGNS])
    cost = mean * weekday[:, None] * rng.lognormal(0.0, 0.25, (len(days), size))
    clicks = rng.poisson(cost / np.array([one.click_cost for one in CAMPAIGNS]))
    shown = clicks + rng.poisson(clicks / CLICKS_PER_IMPRESSION)
    campaign = np.tile(np.arange(size), len(days))
    return table(
        "marketing_spend_daily",
        len(campaign),
        campaign_id=number_ids("cmp-", campaign + 1, 3),
        date=np.repeat(days, size).astype("datetime64[D]"),
        channel=pick([one.channel for one in CAMPAIGNS], campaign),
        impressions=shown.ravel(),
        clicks=clicks.ravel(),
        cost=np.round(cost.ravel(), 2),
        currency=pick([one.currency for one in CAMPAIGNS], campaign),
    )


def _recipients(world: World, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """(campaign, account or -1 - number of a stranger, instant) of every e-mail sent.

    Those who are nurtured get their e-mail shortly before they sign up; the news reach the same
    people at any time of the year before it.
    """
    signup = world.accounts.signup_micros
    size = len(signup)
    first, end = world.timeline.money_start * MICROS_PER_DAY, world.timeline.end_micros
    parts = []
    for campaign, chance, days in ((NURTURE, NURTURED, NURTURE_DAYS), (NEWS, SENT_ANY_TIME, 365.0)):
        chosen = np.flatnonzero(rng.random(size) < chance)
        before = rng.uniform(1.0, days, len(chosen)) * MICROS_PER_DAY
        parts.append((np.full(len(chosen), campaign), chosen, signup[chosen] - before.astype(int)))
        count = STRANGERS_PER_ACCOUNT * size
        strangers = -1 - np.arange(count)
        at = first + (rng.random(count) * (end - first)).astype(np.int64)
        parts.append((np.full(count, campaign), strangers, at))
    campaign, account, at = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((account, campaign, at))
    order = order[(at[order] >= first) & (at[order] < end)]
    return campaign[order], account[order], at[order]


def _emails(world: World) -> pa.Table:
    """What became of each e-mail, ordered by instant."""
    rng = world.rng("marketing.emails")
    people = build_people(world)
    campaign, account, sent = _recipients(world, rng)
    size = len(sent)
    luck = rng.random((size, 4)) < np.array([BOUNCES, OPENS, CLICKS, UNSUBSCRIBES])
    bounced = luck[:, 0]
    opened = ~bounced & luck[:, 1]
    hours = rng.exponential(9.0, (size, 3)).cumsum(axis=1) * MICROS_PER_DAY / 24
    happens = (
        (DELIVERED, ~bounced, np.zeros(size)),
        (BOUNCED, bounced, np.zeros(size)),
        (OPENED, opened, hours[:, 0]),
        (CLICKED, opened & luck[:, 2], hours[:, 1]),
        (UNSUBSCRIBED, opened & luck[:, 3], hours[:, 2]),
    )
    row = np.concatenate([np.flatnonzero(mask) for _, mask, _ in happens])
    kind = np.concatenate([np.full(mask.sum(), code) for code, mask, _ in happens])
    at = np.concatenate([(sent + later).astype(np.int64)[mask] for _, mask, later in happens])
    order = np.lexsort((kind, row, at))
    order = order[at[order] < world.timeline.end_micros]
    row, kind, at = row[order], kind[order], at[order]
    first_person = np.searchsorted(people.account, np.maximum(account, 0))
    is_contact = (account >= 0) & (people.created[first_person] <= sent)
    is_contact &= rng.random(size) < NAMES_CONTACT
    addresses = [
        people.emails[person, 0] if number >= 0 else f"reader.{-number}@post.example.net"
        for person, number in zip(first_person, account, strict=True)
    ]
    hashes = [sha256(address) for address in addresses]
    return table(
        "marketing_email_events",
        len(row),
        event_id=number_ids("eml-", np.arange(1, len(row) + 1), 7),
        campaign_id=number_ids("cmp-", campaign[row] + 1, 3),
        crm_contact_id=pick(
            number_ids("con-", np.arange(1, len(people) + 1), 6),
            np.where(is_contact, first_person, -1)[row],
        ),
        hem=pick(hashes, np.where(is_contact, -1, np.arange(size))[row]),
        event_type=pick(EVENTS, kind),
        event_timestamp=at.view("datetime64[us]"),
    )


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Campaigns, their spend and their e-mails."""
    yield "marketing_campaigns", _campaigns(world)
    yield "marketing_spend_daily", _spend(world)
    yield "marketing_email_events", _emails(world)
