"""The CRM's pipeline: every stage that a deal walks through, won, lost or still open."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from o2r.synthetic.catalog import COUNTRIES, USD_PER_UNIT
from o2r.synthetic.columns import MICROS_PER_DAY, number_ids, pick, table
from o2r.synthetic.contracts import Contract, build_contracts
from o2r.synthetic.people import People, build_people
from o2r.synthetic.world import World

STAGES = ("Qualification", "Proposal", "Negotiation", "Closed Won", "Closed Lost")
QUALIFICATION, PROPOSAL, NEGOTIATION, WON, LOST = range(5)
MEDIAN_CYCLE_DAYS = (14.0, 30.0, 60.0)
"""Median days from the first stage to the close, by tier."""
NO_NEGOTIATION = 0.3
FRUITLESS_PER_ACCOUNT = 0.5
"""Mean number of deals of an account that do not become a contract."""
ESTIMATE = (0.8, 1.25)
"""What a deal seems worth before it closes, relative to the contract."""


@dataclass(frozen=True)
class StageChanges:
    """One entry per change (n,), ordered by deal and instant; deals (n,) are numbered from 0.

    person: index into People; old (-1: none), new: index into STAGES; at: microseconds since 1970;
    value: in the currency of the account.
    """

    deal: np.ndarray
    person: np.ndarray
    old: np.ndarray
    new: np.ndarray
    at: np.ndarray
    value: np.ndarray


def _won(contracts: list[Contract]) -> list[tuple[int, int, float]]:
    """(account, instant, value of a year) of each contract and of each step up in one."""
    found = []
    for contract in contracts:
        before = 0.0
        for instant, _, amount in contract.steps:
            if amount > before:
                found.append((contract.account, instant, 12.0 * (amount - before)))
            before = amount
    return found


def _fruitless(world: World, rng: np.random.Generator) -> list[tuple[int, int, float]]:
    """(account, instant of the close, value) of deals that are lost; many close after the end."""
    accounts, timeline = world.accounts, world.timeline
    account = np.repeat(np.arange(len(accounts)), rng.poisson(FRUITLESS_PER_ACCOUNT, len(accounts)))
    signup = accounts.signup_micros[account]
    until = timeline.end_micros + 45 * MICROS_PER_DAY
    at = (signup + rng.random(len(account)) * (until - signup)).astype(np.int64)
    per_usd = np.array([1.0 / USD_PER_UNIT[c.currency] for c in COUNTRIES])
    value = 12.0 * accounts.monthly_usd[account] * per_usd[accounts.country[account]]
    value *= rng.uniform(0.1, 0.6, len(account))
    return list(zip(account.tolist(), at.tolist(), value.tolist(), strict=True))


def build_deals(world: World, people: People) -> StageChanges:
    """Stage changes up to the last day of data; an account's first contact leads most deals."""
    rng = world.rng("deals")
    won = _won(build_contracts(world))
    deals = won + _fruitless(world, rng)
    account = np.array([deal[0] for deal in deals], np.int64)
    close = np.array([deal[1] for deal in deals], np.int64)
    final = np.array([deal[2] for deal in deals], float)
    size = len(deals)

    median = np.array(MEDIAN_CYCLE_DAYS)[world.accounts.tier[account]]
    cycle = np.maximum(3.0, median * rng.lognormal(0.0, 0.5, size)) * MICROS_PER_DAY
    first_person = np.searchsorted(people.account, account)
    last_person = np.searchsorted(people.account, account, side="right") - 1
    other = first_person + np.floor(rng.random(size) * (last_person - first_person + 1)).astype(int)
    begin = (close - cycle).astype(np.int64)
    leads_elsewhere = (rng.random(size) < 0.25) & (people.created[other] <= begin)
    person = np.where(leads_elsewhere, other, first_person)
    # Nobody has a deal before the CRM knows them.
    begin = np.minimum(np.maximum(begin, people.created[person]), close - 3_000_000)

    share = np.sort(rng.uniform(0.15, 0.9, (size, 2)), axis=1)
    middle = begin[:, None] + (share * (close - begin)[:, None]).astype(np.int64)
    at = np.column_stack([begin, middle, close])
    stage = np.tile([QUALIFICATION, PROPOSAL, NEGOTIATION, WON], (size, 1))
    stage[len(won) :, 3] = LOST
    value = final[:, None] * np.column_stack(
        [rng.uniform(*ESTIMATE, (size, 3)), np.ones((size, 1))]
    )
    kept = at < world.timeline.end_micros
    kept[:, 2] &= rng.random(size) >= NO_NEGOTIATION
    deal = np.broadcast_to(np.arange(size)[:, None], kept.shape)[kept]
    new = stage[kept]
    begins = np.append(True, deal[1:] != deal[:-1])[: len(deal)]
    return StageChanges(
        deal=deal,
        person=person[deal],
        old=np.where(begins, -1, np.roll(new, 1)),
        new=new,
        at=at[kept],
        value=np.rint(value[kept] / 10.0) * 10.0,
    )


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """The history of all deals, ordered by instant."""
    people = build_people(world)
    changes = build_deals(world, people)
    order = np.lexsort((changes.new, changes.deal, changes.at))
    account = people.account[changes.person]
    at = changes.at.view("datetime64[us]")
    rows = table(
        "deal_stage_history",
        len(order),
        row_id=number_ids("dsc-", np.arange(1, len(order) + 1), 6),
        event_timestamp=at[order],
        crm_contact_id=number_ids("con-", changes.person[order] + 1, 6),
        crm_account_id=pick(world.accounts.ids, account[order]),
        deal_id=number_ids("deal-", changes.deal[order] + 1, 5),
        old_stage=pick(STAGES, changes.old[order]),
        new_stage=pick(STAGES, changes.new[order]),
        deal_value=changes.value[order],
        currency=pick([c.currency for c in COUNTRIES], world.accounts.country[account[order]]),
        created_at=at[order],
    )
    yield "deal_stage_history", rows
