"""Sales: calls, e-mails and meetings with the contacts of the CRM, and who answered."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from o2r.synthetic.columns import MICROS_PER_DAY, number_ids, pick, table
from o2r.synthetic.people import CHANNELS, build_people
from o2r.synthetic.truth import ANSWERS, ANSWERS_BY_CHANNEL
from o2r.synthetic.world import World

REPS = ("Noor Haddad", "Pablo Iglesias", "Ruth Okoye", "Tomas Lind")
KINDS = ("call", "email", "meeting")
MEETING = KINDS.index("meeting")
OUTCOMES = ("no answer", "interested", "not now", "met")
NO_ANSWER, INTERESTED, NOT_NOW, MET = range(4)
TRIES = (2.2, 0.5)
"""Mean number of calls and e-mails to an account's first contact, and to a colleague."""
DAYS_OF_TRIES = 25.0
LATER_TRIES = 0.06
"""Mean number of calls and e-mails to a contact in each week from then on."""
DAYS_TO_ANSWER = 3.5
MEETS = 0.4
"""Chance that an answer leads to a meeting."""


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Activities since the first day of revenue; the answer is a change of its own."""
    rng = world.rng("sales")
    people, end = build_people(world), world.timeline.end_micros
    first = world.timeline.money_start * MICROS_PER_DAY
    tries = rng.poisson(np.where(people.seat == 1, *TRIES))
    span = np.maximum(end - np.maximum(people.created, first), 0)
    later = rng.poisson(LATER_TRIES * span / (7 * MICROS_PER_DAY))
    person = np.repeat(np.tile(np.arange(len(people)), 2), np.concatenate([tries, later]))
    size = len(person)
    wait = rng.random(size)
    done = np.where(
        np.arange(size) < tries.sum(),
        people.created[person] + (0.1 + wait * DAYS_OF_TRIES) * MICROS_PER_DAY,
        end - wait * span[person],
    ).astype(np.int64)
    kind = rng.integers(2, size=size)
    factor = np.array([ANSWERS_BY_CHANNEL[name] for name in CHANNELS])
    answers = rng.random(size) < ANSWERS * factor[people.channel[person]]
    delay = (rng.exponential(DAYS_TO_ANSWER, size) + 0.02) * MICROS_PER_DAY
    answered = np.where(answers, done + delay.astype(np.int64), end)
    outcome = np.where(rng.random(size) < 0.6, INTERESTED, NOT_NOW)
    meets = answers & (rng.random(size) < MEETS)
    met = answered + (rng.uniform(1.0, 9.0, size) * MICROS_PER_DAY).astype(np.int64)

    person = np.concatenate([person, person[meets]])
    done = np.concatenate([done, met[meets]])
    kind = np.concatenate([kind, np.full(meets.sum(), MEETING)])
    outcome = np.concatenate([outcome, np.full(meets.sum(), MET)])
    answered = np.concatenate([answered, np.full(meets.sum(), end)])
    order = np.lexsort((kind, person, done))
    order = order[(done[order] >= first) & (done[order] < end)]
    number = np.arange(1, len(order) + 1)
    again = np.flatnonzero(answered[order] < end)  # an answer changes the row
    row = np.concatenate([np.arange(len(order)), again])
    is_answer = np.arange(len(row)) >= len(order)
    source = order[row]
    told = np.where(is_answer, answered[source], done[source])
    silent = np.where(kind[source] == MEETING, MET, NO_ANSWER)
    missing = np.iinfo(np.int64).min
    rows = table(
        "sales_activities",
        len(row),
        activity_id=number_ids("sal-", number[row], 6),
        crm_account_id=pick(world.accounts.ids, people.account[person[source]]),
        crm_contact_id=number_ids("con-", person[source] + 1, 6),
        rep=pick(REPS, people.account[person[source]] % len(REPS)),
        kind=pick(KINDS, kind[source]),
        done_at=done[source].view("datetime64[us]"),
        responded_at=np.where(is_answer, told, missing).view("datetime64[us]"),
        outcome=pick(OUTCOMES, np.where(is_answer, outcome[source], silent)),
        last_updated=told.view("datetime64[us]"),
    )
    yield "sales_activities", rows
