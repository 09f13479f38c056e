"""The billing system: subscription lifecycle events and invoices."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from o2r.synthetic.catalog import TIERS
from o2r.synthetic.columns import MICROS_PER_DAY, table
from o2r.synthetic.contracts import SECOND, Contract, add_months, build_contracts
from o2r.synthetic.world import World

HOUR = 3_600 * SECOND
NEVER_PAID, VOID, LATE = 0.012, 0.027, 0.12
"""Upper bounds of the uniform draw that decides the fate of an invoice."""


def _renewal(contract: Contract, instant: int) -> int:
    """Start of the next billing period after `instant` (microseconds)."""
    start = contract.steps[0][0]
    period = 12 if contract.plan_type == "annual" else 1
    first_day = start // MICROS_PER_DAY
    months = (instant - start) // (31 * MICROS_PER_DAY) // period * period
    while add_months(first_day, months) * MICROS_PER_DAY <= instant:
        months += period
    return add_months(first_day, months) * MICROS_PER_DAY


def _events(contract: Contract, tier: str) -> list[tuple]:
    """(instant, plan, mrr, status, start, renewal, end) of each lifecycle event of a contract."""
    found = []
    plan, mrr, start = tier, 0.0, contract.trial
    if contract.trial is not None:
        plan = contract.steps[0][1] if contract.steps else tier
        found.append((contract.trial, plan, 0.0, "trial", contract.trial, None, None))
    for instant, plan, mrr in contract.steps:
        start = contract.steps[0][0]
        found.append((instant, plan, mrr, "active", start, _renewal(contract, instant), None))
    if contract.notice is not None:
        found.append((contract.notice, plan, mrr, contract.ending, start, None, contract.end))
    return found


def _as_micros(values: list[int | None]) -> np.ndarray:
    """Instants as datetime64[us]; None becomes NaT."""
    nat = np.iinfo(np.int64).min
    return np.array([nat if v is None else v for v in values], np.int64).view("datetime64[us]")


def _subscriptions(world: World, contracts: list[Contract]) -> pa.Table:
    """Lifecycle events up to the last day of data, ordered by subscription and instant."""
    limit = world.timeline.end_micros
    rows = [
        (contract, event)
        for contract in contracts
        for event in _events(contract, TIERS[world.accounts.tier[contract.account]])
        if event[0] < limit
    ]
    instants = _as_micros([event[0] for _, event in rows])
    mrr = np.array([event[2] for _, event in rows])
    return table(
        "subscriptions",
        len(rows),
        subscription_id=[contract.subscription_id for contract, _ in rows],
        event_timestamp=instants,
        crm_account_id=[world.accounts.ids[contract.account] for contract, _ in rows],
        plan_name=[event[1] for _, event in rows],
        plan_type=[contract.plan_type for contract, _ in rows],
        mrr=mrr,
        arr=12.0 * mrr,
        currency=[contract.currency for contract, _ in rows],
        status=[event[3] for _, event in rows],
        start_date=_as_micros([event[4] for _, event in rows]),
        renewal_date=_as_micros([event[5] for _, event in rows]),
        cancellation_date=_as_micros([event[6] for _, event in rows]),
        created_at=instants,
    )


def _charges(contract: Contract, limit: int) -> list[tuple[int, str, float]]:
    """(day, line, amount) of each invoice: at the start of each billing period in force."""
    period = 12 if contract.plan_type == "annual" else 1
    first_day = contract.steps[0][0] // MICROS_PER_DAY
    found = []
    months = 0
    while True:
        day = add_months(first_day, months)
        end_of_day = (day + 1) * MICROS_PER_DAY
        ended = contract.end is not None and day * MICROS_PER_DAY >= contract.end
        if ended or end_of_day > limit:
            return found
        _, plan, mrr = [step for step in contract.steps if step[0] < end_of_day][-1]
        found.append((day, f"{plan} plan ({contract.plan_type})", period * mrr))
        months += period


def _payments(day: int, fate: float, delay: float) -> list[tuple[str, int]]:
    """(status, instant) of what becomes of an invoice; fate and delay are uniform draws."""
    issued = day * MICROS_PER_DAY + int((12 + 8 * delay) * HOUR)
    overdue = issued + 14 * MICROS_PER_DAY
    if fate < NEVER_PAID:
        return [("overdue", overdue)]
    if fate < VOID:
        return [("void", issued + int(5 * delay * MICROS_PER_DAY))]
    if fate < LATE:
        return [("overdue", overdue), ("paid", overdue + int((1 + 40 * delay) * MICROS_PER_DAY))]
    return [("paid", issued)]


def _invoices(world: World, contracts: list[Contract]) -> pa.Table:
    """Invoices and their later states, ordered by invoice and instant."""
    rng = world.rng("invoices")
    limit = world.timeline.end_micros
    rows = []
    for contract in (c for c in contracts if c.steps):
        charges = _charges(contract, limit)
        luck = rng.random((len(charges), 2))
        for number, (charge, (fate, delay)) in enumerate(zip(charges, luck, strict=True), start=1):
            invoice = f"inv-{contract.subscription_id[4:]}-{number:03d}"
            for status, instant in _payments(charge[0], fate, delay):
                if instant < limit:
                    rows.append((invoice, contract, charge, status, instant))
    days = np.array([charge[0] for _, _, charge, _, _ in rows], "datetime64[D]")
    return table(
        "invoices",
        len(rows),
        invoice_id=[row[0] for row in rows],
        account_id=[world.accounts.ids[row[1].account] for row in rows],
        invoice_date=days,
        amount=np.array([row[2][2] for row in rows], float),
        currency=[row[1].currency for row in rows],
        status=[row[3] for row in rows],
        line_items=[row[2][1] for row in rows],
        last_updated=_as_micros([row[4] for row in rows]),
    )


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Subscription events and invoices of the whole history."""
    contracts = build_contracts(world)
    yield "subscriptions", _subscriptions(world, contracts)
    yield "invoices", _invoices(world, contracts)
