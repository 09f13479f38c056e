"""Customer success: reviews, health checks, outreach after a dip, escalations on many tickets."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from o2r.synthetic.catalog import OWNERS
from o2r.synthetic.columns import MICROS_PER_DAY, number_ids, pick, table
from o2r.synthetic.sources.crm import owners
from o2r.synthetic.world import World

ACTIVITIES = ("qbr", "health_check", "outreach", "escalation")
QBR, HEALTH_CHECK, OUTREACH, ESCALATION = range(4)
OUTCOMES = ("healthy", "at risk", "no answer", "resolved", "follow-up agreed")
HEALTH_CHECK_WEEKS, QBR_WEEKS = 6, 13
DIP, MANY_TICKETS = 0.8, 3
"""Fall of ln(usage) from one week to the next, and tickets in a week, to which somebody reacts."""
DAYS_TO_REACT = {OUTREACH: 7, ESCALATION: 2}
NEVER_DONE = 0.08


def _occasions(world: World, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """(account, kind, due instant) of every activity since the first day of revenue."""
    timeline, panel = world.timeline, world.panel
    weeks = np.arange(timeline.week_of(timeline.money_start), timeline.last_week + 1)
    using = panel.using[:, weeks]
    accounts = np.arange(len(world.accounts))[:, None]
    tickets = panel.tickets_error + panel.tickets_throttle + panel.tickets_other
    fall = panel.log_usage[:, weeks - 1] - panel.log_usage[:, weeks]
    age = weeks - timeline.week_of(world.accounts.signup)[:, None]
    big = (world.accounts.tier > 0)[:, None]
    found = (
        (QBR, using & big & (age > 0) & ((weeks + accounts) % QBR_WEEKS == 0)),
        (HEALTH_CHECK, using & (age > 0) & ((weeks + 5 * accounts) % HEALTH_CHECK_WEEKS == 0)),
        (OUTREACH, using & (age > 4) & (fall > DIP)),
        (ESCALATION, using & (tickets[:, weeks] >= MANY_TICKETS)),
    )
    parts = []
    for kind, mask in found:
        account, column = np.nonzero(mask)
        day = timeline.monday(weeks[column]) + DAYS_TO_REACT.get(kind, 0)
        day = day + rng.integers(0, 5, len(account))
        second = 9 * 3600 + rng.integers(0, 8 * 3600, len(account))
        due = day * MICROS_PER_DAY + second * 1_000_000
        parts.append((account, np.full(len(account), kind), due))
    account, kind, due = (np.concatenate(column) for column in zip(*parts, strict=True))
    first = timeline.money_start * MICROS_PER_DAY
    order = np.lexsort((kind, account, due))
    order = order[(due[order] >= first) & (due[order] < timeline.end_micros)]
    return account[order], kind[order], due[order]


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Activities due so far, ordered by the instant at which they were due."""
    rng = world.rng("success")
    account, kind, due = _occasions(world, rng)
    size = len(due)
    delay = rng.gamma(1.5, 2.0, size) * MICROS_PER_DAY
    done = due + np.where(rng.random(size) < 0.6, 0.05, 1.0) * delay
    done = np.where(rng.random(size) < NEVER_DONE, np.inf, done)
    is_done = done < world.timeline.end_micros
    outcome = rng.choice(len(OUTCOMES), size, p=[0.4, 0.12, 0.18, 0.12, 0.18])
    outcome = np.where((kind == ESCALATION) & (outcome != 2), OUTCOMES.index("resolved"), outcome)
    done_at = np.where(is_done, done, np.iinfo(np.int64).min).astype(np.int64)
    rows = table(
        "customer_success_activities",
        size,
        activity_id=number_ids("act-", np.arange(1, size + 1), 6),
        account_id=pick(world.accounts.ids, account),
        activity_type=pick(ACTIVITIES, kind),
        due_at=due.view("datetime64[us]"),
        done_at=done_at.view("datetime64[us]"),
        owner=pick(OWNERS, owners(world)[account]),
        outcome=pick(OUTCOMES, np.where(is_done, outcome, -1)),
    )
    yield "customer_success_activities", rows
