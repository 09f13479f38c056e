"""Customer support: tickets and survey answers."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from o2r.synthetic.columns import MICROS_PER_DAY, number_ids, pick, table
from o2r.synthetic.world import World

CATEGORIES = ("error", "latency", "billing", "onboarding", "other")
OTHER_SHARES = (0.05, 0.10, 0.30, 0.20, 0.35)
"""Category shares of tickets that no shock caused."""
PRIORITIES = ("p1", "p2", "p3", "p4")
PRIORITY_SHARES = (0.08, 0.27, 0.40, 0.25)
RESOLUTION_HOURS = (7.0, 16.0, 30.0, 60.0)
"""Median hours to the resolution, by priority."""
RESPONSE_HOURS = (0.4, 1.5, 4.0, 8.0)
CHANNELS = ("email", "chat", "phone", "portal")
STATUSES = ("open", "escalated", "resolved")
OPEN, ESCALATED, RESOLVED = range(3)
HOUR = 3_600_000_000
CSAT_CHANCE, NPS_CHANCE, ROI_CHANCE = 0.35, 0.05, 0.03
"""Chance of an answer per account and week of use."""


def _weeks(world: World) -> np.ndarray:
    """Week numbers from the first day of revenue to the last day of data."""
    timeline = world.timeline
    return np.arange(timeline.week_of(timeline.money_start), timeline.last_week + 1)


def _moments(world: World, week: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A moment in each of the weeks (n,), microseconds; mostly on working days."""
    day = rng.choice(7, len(week), p=[0.18, 0.19, 0.18, 0.17, 0.16, 0.06, 0.06])
    second = 6 * 3600 + rng.integers(0, 14 * 3600, len(week))
    return (world.timeline.monday(week) + day) * MICROS_PER_DAY + second * 1_000_000


def _inside(world: World, micros: np.ndarray) -> np.ndarray:
    """Which moments lie between the first day of revenue and the end of data."""
    first = world.timeline.money_start * MICROS_PER_DAY
    return (micros >= first) & (micros < world.timeline.end_micros)


def _raised(world: World, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(account, category, created) of every ticket, ordered by instant."""
    weeks = _weeks(world)
    parts = []
    for counts, cause in (
        (world.panel.tickets_error, 0),
        (world.panel.tickets_throttle, 0),
        (world.panel.tickets_other, None),
    ):
        counts = counts[:, weeks]
        account, column = (np.repeat(i, counts[counts > 0]) for i in np.nonzero(counts))
        category = rng.choice(len(CATEGORIES), len(account), p=OTHER_SHARES)
        category = category if cause is None else np.full(len(account), cause)
        parts.append((account, category, _moments(world, weeks[column], rng)))
    account, category, created = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort((category, account, created))
    order = order[_inside(world, created[order])]
    return account[order], category[order], created[order]


def _tickets(world: World, rng: np.random.Generator) -> pa.Table:
    """One row when a ticket is raised, answered, escalated (if it is) and resolved."""
    account, category, created = _raised(world, rng)
    count = len(account)
    priority = rng.choice(len(PRIORITIES), count, p=PRIORITY_SHARES)
    response = np.array(RESPONSE_HOURS)[priority] * rng.lognormal(0.0, 0.6, count)
    hours = response + np.array(RESOLUTION_HOURS)[priority] * rng.lognormal(0.0, 0.7, count)
    responded = created + (response * HOUR).astype(np.int64)
    resolved = created + (hours * HOUR).astype(np.int64)
    escalated = (rng.random(count) < 0.10) & (hours > 6.0)
    reopened = np.where(rng.random(count) < 0.07, rng.integers(1, 3, count), 0)
    channel = rng.integers(len(CHANNELS), size=count)
    slow = np.log2(np.maximum(hours, 1.0)) - 4.0
    rating = np.clip(np.rint(4.2 - 0.4 * slow + rng.normal(0.0, 0.8, count)), 1, 5)
    rating = np.where(rng.random(count) < 0.45, rating, np.nan)

    changes = [created, responded, (responded + resolved) // 2, resolved]
    ticket = np.repeat(np.arange(count), len(changes))
    status = np.tile([OPEN, OPEN, ESCALATED, RESOLVED], count)
    updated = np.stack(changes, axis=1).ravel()
    kept = (updated < world.timeline.end_micros) & ((status != ESCALATED) | escalated[ticket])
    ticket, status, updated = ticket[kept], status[kept], updated[kept]
    answered = updated >= responded[ticket]
    done, nothing = status == RESOLVED, np.datetime64("NaT")
    responded, resolved = (
        micros[ticket].view("datetime64[us]") for micros in (responded, resolved)
    )
    return table(
        "support_tickets",
        len(ticket),
        ticket_id=number_ids("tkt-", ticket + 1, 6),
        account_id=pick(world.accounts.ids, account[ticket]),
        created_at=created[ticket].view("datetime64[us]"),
        first_response_at=np.where(answered, responded, nothing),
        resolved_at=np.where(done, resolved, nothing),
        priority=pick(PRIORITIES, priority[ticket]),
        category=pick(CATEGORIES, category[ticket]),
        status=pick(STATUSES, status),
        channel=pick(CHANNELS, channel[ticket]),
        reopen_count=np.where(done, reopened[ticket], 0),
        csat=np.where(done, rating[ticket], np.nan),
        last_updated=updated.view("datetime64[us]"),
    )


def _answers(world: World, rng: np.random.Generator) -> pa.Table:
    """Survey answers, ordered by instant; scores follow the satisfaction of the week."""
    weeks = _weeks(world)
    panel, health = world.panel, world.accounts.health
    joined = world.timeline.week_of(world.accounts.signup)
    asked = panel.using[:, weeks] & (joined[:, None] < weeks)
    parts = []
    for survey, (chance, mean, gain, by_health, noise, low, high) in enumerate(
        (
            (CSAT_CHANCE, 4.3, 1.0, 0.2, 0.45, 1, 5),
            (NPS_CHANCE, 8.2, 2.0, 0.6, 1.2, 0, 10),
            (ROI_CHANCE, 7.0, 1.0, 0.9, 1.2, 0, 10),
        )
    ):
        account, column = np.nonzero(asked & (rng.random(asked.shape) < chance))
        score = mean + gain * panel.satisfaction[account, weeks[column]]
        score += by_health * health[account]
        score = np.clip(np.rint(score + rng.normal(0.0, noise, len(score))), low, high)
        moment = _moments(world, weeks[column], rng)
        parts.append((account, np.full(len(account), survey), score, moment))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.lexsort((columns[1], columns[0], columns[3]))
    order = order[_inside(world, columns[3][order])]
    account, survey, score, moment = (column[order] for column in columns)
    person = 1 + rng.integers(0, 4, len(account))
    ids = world.accounts.ids[account]
    return table(
        "csat_responses",
        len(account),
        response_id=number_ids("rsp-", np.arange(1, len(account) + 1), 6),
        account_id=pick(world.accounts.ids, account),
        contact=[f"user{p}.{a}@example.com" for p, a in zip(person, ids, strict=True)],
        survey_type=pick(("csat", "nps", "roi"), survey),
        score=score,
        answered_at=moment.view("datetime64[us]"),
    )


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Tickets and survey answers since the first day of revenue."""
    yield "support_tickets", _tickets(world, world.rng("tickets"))
    yield "csat_responses", _answers(world, world.rng("surveys"))
