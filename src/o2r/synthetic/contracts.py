"""Contracts of each account: what subscriptions, invoices and the CRM agree on."""

from dataclasses import dataclass, field

import numpy as np

from o2r.synthetic.accounts import NEVER
from o2r.synthetic.catalog import COUNTRIES, TIERS, USD_PER_UNIT
from o2r.synthetic.columns import MICROS_PER_DAY
from o2r.synthetic.world import World

ANNUAL_CHANCE = (0.06, 0.15, 0.40)
"""Chance of an annual plan, by tier."""
ADD_ON_CHANCE = 0.15
ADD_ON_PLANS = ("Priority Support", "Dedicated Capacity")
NOTICE_DAYS = (0, 14, 30, 30)
SECOND = 1_000_000


@dataclass
class Contract:
    """One subscription. Instants are microseconds since 1970; None: does not happen (yet).

    steps: (instant, plan, amount per month in `currency`), first step = start; empty for a trial
    that never became a contract. end: last second; notice: when the source learnt of the end.
    """

    account: int
    subscription_id: str
    plan_type: str
    currency: str
    trial: int | None = None
    steps: list[tuple[int, str, float]] = field(default_factory=list)
    end: int | None = None
    notice: int | None = None
    ending: str = "cancelled"


def add_months(day: int, months: int) -> int:
    """Day number `months` later, on the same day of the month or the last one that exists."""
    start = np.datetime64(day, "D")
    month = start.astype("datetime64[M]")
    target = month + months
    last = (target + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
    wanted = target.astype("datetime64[D]") + (start - month.astype("datetime64[D]"))
    return int(min(wanted, last).astype(np.int64))


def end_of_week(world: World, week: int) -> int:
    """Last second of an ISO week, microseconds since 1970."""
    return int(world.timeline.monday(week + 1)) * MICROS_PER_DAY - SECOND


def tier_history(world: World) -> tuple[np.ndarray, np.ndarray]:
    """(first tier, day of the change to the present tier), both (A,); NEVER: never another tier."""
    rng = world.rng("tiers")
    accounts, timeline = world.accounts, world.timeline
    count = len(accounts)
    up = rng.random(count) < 0.7
    first = np.clip(accounts.tier - np.where(up, 1, -1), 0, len(TIERS) - 1)
    change = accounts.paid_from + 60 + np.floor(rng.random(count) * 400).astype(int)
    settled = timeline.monday(np.minimum(world.panel.ends[:, 0], timeline.weeks)) - 35
    last = np.minimum(timeline.end, settled)
    changes = (rng.random(count) < 0.2) & (first != accounts.tier) & (change <= last)
    return np.where(changes, first, accounts.tier), np.where(changes, change, NEVER)


def _amount(usd: float, currency: str) -> float:
    """Price-list amount in `currency`, rounded to tens, at least 10."""
    return max(10.0, round(usd / USD_PER_UNIT[currency] / 10.0) * 10.0)


class _Builder:
    """Turns the weekly state of the world into contracts, one account after the other."""

    def __init__(self, world: World):
        self.world = world
        self.rng = world.rng("contracts")
        self.first_tier, self.tier_change = tier_history(world)
        self.limit = world.timeline.end_micros

    def _instant(self, day: int, account: int) -> int:
        """A moment of `day` in the working hours of an account."""
        return int(day) * MICROS_PER_DAY + (8 * 3600 + account * 6151 % 36_000) * SECOND

    def _steps(self, account: int, start: int, end: int, second_life: bool) -> list:
        """(instant, plan, US dollars) from `start` until 35 days before `end` (both instants)."""
        accounts, timeline = self.world.accounts, self.world.timeline
        tier, first = int(accounts.tier[account]), int(self.first_tier[account])
        usd = float(accounts.monthly_usd[account])
        switch = float({-1: 0.5, 0: 1.0, 1: 1.6}[first - tier])
        factors = self.world.panel.mrr_factor[account]
        changes = [
            (self._instant(timeline.monday(week) + 1, account), factors[week])
            for week in np.flatnonzero(factors != 1.0)
        ]
        if second_life or self.tier_change[account] == NEVER:
            plan = TIERS[tier]
        else:
            plan = TIERS[first]
            usd *= switch
            changes.append((self._instant(self.tier_change[account], account) + SECOND, None))
        steps = [(start, plan, usd)]
        for instant, factor in sorted(changes, key=lambda change: change[0]):
            if start < instant < min(end - 35 * MICROS_PER_DAY, self.limit):
                plan = TIERS[tier] if factor is None else plan
                usd = usd / switch if factor is None else usd * float(factor)
                steps.append((instant, plan, usd))
        return steps

    def _close(self, contract: Contract, end_week: int) -> None:
        """Set end, notice and kind of ending, as far as they are known on the last day of data."""
        notice_days = NOTICE_DAYS[self.rng.integers(len(NOTICE_DAYS))]
        expires = self.rng.random() < 0.2
        if end_week == NEVER:
            return
        end = end_of_week(self.world, end_week)
        notice = end if expires else end - notice_days * MICROS_PER_DAY
        if notice < self.limit:
            contract.end, contract.notice = end, notice
            contract.ending = "expired" if expires else "cancelled"

    def _paid(
        self, account: int, part: int, start: int, end_week: int, trial: int | None
    ) -> Contract:
        """Main contract of the first (part 1) or second (part 2) life of an account."""
        accounts = self.world.accounts
        currency = COUNTRIES[accounts.country[account]].currency
        annual = self.rng.random() < ANNUAL_CHANCE[accounts.tier[account]]
        end = self.limit * 2 if end_week == NEVER else end_of_week(self.world, end_week)
        steps = self._steps(account, start, end, part == 2)
        contract = Contract(
            account,
            f"sub-{account + 1:05d}-{part}",
            "annual" if annual else "monthly",
            currency,
            trial,
            [(at, plan, _amount(usd, currency)) for at, plan, usd in steps],
        )
        self._close(contract, end_week)
        return contract

    def _add_on(self, main: Contract) -> list[Contract]:
        """Perhaps a second contract beside `main`; it ends with it or earlier."""
        chance, delay, share, early = self.rng.random(4)
        start = main.steps[0][0] + int(30 + 150 * delay) * MICROS_PER_DAY
        last = min(self.limit, main.notice or self.limit) - 45 * MICROS_PER_DAY
        if chance >= ADD_ON_CHANCE or start >= last:
            return []
        price = max(10.0, round(main.steps[0][2] * (0.1 + 0.2 * share) / 10.0) * 10.0)
        plan = ADD_ON_PLANS[int(share > 0.6)]
        add_on = Contract(
            main.account,
            f"{main.subscription_id}a",
            "monthly",
            main.currency,
            None,
            [(start, plan, price)],
            main.end,
            main.notice,
            main.ending,
        )
        stop = start + int(90 * MICROS_PER_DAY * (1 + early))
        if early < 0.3 and stop < last:
            add_on.end, add_on.notice, add_on.ending = stop, stop, "cancelled"
        return [add_on]

    def build(self, account: int) -> list[Contract]:
        """All contracts of one account, oldest first."""
        accounts, panel = self.world.accounts, self.world.panel
        signup = int(accounts.signup_micros[account])
        trial = signup if accounts.trial_days[account] else None
        first_end, second_end = (int(week) for week in panel.ends[account])
        start = signup
        if trial is not None:
            start = self._instant(accounts.paid_from[account], account)
        if accounts.paid_from[account] == NEVER or start >= self.limit:
            currency = COUNTRIES[accounts.country[account]].currency
            lapsed = Contract(account, f"sub-{account + 1:05d}-1", "monthly", currency, trial)
            if accounts.paid_from[account] == NEVER:
                lapsed.end = lapsed.notice = end_of_week(self.world, first_end)
                lapsed.ending = "expired"
            return [lapsed]
        found = [self._paid(account, 1, start, first_end, trial)]
        found += self._add_on(found[0])
        back = int(panel.returns[account])
        if back != NEVER and self.world.timeline.monday(back) <= self.world.timeline.end:
            again = int(self.world.timeline.monday(back)) * MICROS_PER_DAY + 60 * SECOND
            found.append(self._paid(account, 2, again, second_end, None))
        return found


def build_contracts(world: World) -> list[Contract]:
    """Contracts known on the last day of data, in order of account and start."""
    builder = _Builder(world)
    found = (builder.build(account) for account in range(len(world.accounts)))
    return [contract for contracts in found for contract in contracts]
