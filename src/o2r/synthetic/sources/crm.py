"""The CRM: account master data, one row per account and change."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from o2r.synthetic.accounts import NEVER
from o2r.synthetic.catalog import COUNTRIES, OWNERS, TIERS, VERTICALS
from o2r.synthetic.columns import MICROS_PER_DAY, pick, table
from o2r.synthetic.contracts import SECOND, end_of_week, tier_history
from o2r.synthetic.world import World

SEGMENTS = ("Commercial", "Strategic")
SIZES = ("small", "medium", "large")
RESEGMENT_CHANCE = 0.08
REVIEW_CHANCE = 0.35
MEDIAN_EMPLOYEES, SPREAD_OF_EMPLOYEES = (25.0, 140.0, 1_200.0), 0.8
"""By tier: the middle of the companies' sizes, and the deviation of ln(size)."""
UNCOUNTED = 0.06
"""Chance that the CRM does not know how many employees a company has."""


def _life_events(world: World, rng: np.random.Generator) -> list[tuple[int, int, str, float]]:
    """(account, instant, attribute, new value) of every change, the sign-up included."""
    accounts, timeline, panel = world.accounts, world.timeline, world.panel
    first_tier, tier_change = tier_history(world)
    score = np.clip(np.round(78 + 8 * accounts.health), 20, 100)
    luck = rng.random((len(accounts), 5))
    found = []
    for a in range(len(accounts)):
        signup = int(accounts.signup_micros[a])
        span = timeline.end_micros - signup
        resegmented = luck[a, 0] < RESEGMENT_CHANCE
        found += [
            (a, signup, "active", 1.0),
            (a, signup, "tier", first_tier[a]),
            (a, signup, "segment", float(accounts.strategic[a] ^ resegmented)),
            (a, signup, "score", score[a]),
        ]
        if tier_change[a] != NEVER:
            evening = int(tier_change[a]) * MICROS_PER_DAY + 18 * 3600 * SECOND
            found.append((a, evening, "tier", accounts.tier[a]))
        if resegmented:
            moved = signup + int((0.25 + 0.7 * luck[a, 1]) * span)
            found.append((a, moved, "segment", float(accounts.strategic[a])))
        if luck[a, 2] < REVIEW_CHANCE:
            reviewed = signup + int((0.1 + 0.85 * luck[a, 3]) * span)
            new_score = np.clip(score[a] + np.round(30 * (luck[a, 4] - 0.6)), 0, 100)
            found.append((a, reviewed, "score", new_score))
        for week in panel.ends[a][panel.ends[a] != NEVER]:
            found.append((a, end_of_week(world, week) + SECOND, "active", 0.0))
        if panel.returns[a] != NEVER:
            monday = int(timeline.monday(panel.returns[a]))
            found.append((a, monday * MICROS_PER_DAY + 60 * SECOND, "active", 1.0))
    return sorted(event for event in found if event[1] < timeline.end_micros)


def _versions(world: World, rng: np.random.Generator) -> list[tuple[int, int, dict]]:
    """(account, instant, attributes then in force), one per account and instant of change."""
    versions: list[tuple[int, int, dict]] = []
    for account, instant, attribute, value in _life_events(world, rng):
        previous = versions[-1] if versions and versions[-1][0] == account else None
        if previous and previous[1] == instant:
            previous[2][attribute] = value
        else:
            state = dict(previous[2]) if previous else {}
            versions.append((account, instant, state | {attribute: value}))
    return versions


def _master_data(world: World, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(vertical, owner) of each account, both (A,): the first draws of this source's stream."""
    count = len(world.accounts)
    return rng.integers(len(VERTICALS), size=count), rng.integers(len(OWNERS), size=count)


def industries(world: World) -> np.ndarray:
    """Vertical (A,) of each account, index into VERTICALS."""
    return _master_data(world, world.rng("crm"))[0]


def owners(world: World) -> np.ndarray:
    """Customer success manager (A,) of each account, index into OWNERS."""
    return _master_data(world, world.rng("crm"))[1]


def _employees(world: World) -> tuple[np.ndarray, np.ndarray]:
    """(employees, whether the CRM knows them) of each account, both (A,)."""
    rng = world.rng("crm.employees")
    count = len(world.accounts)
    size = np.array(MEDIAN_EMPLOYEES)[world.accounts.tier]
    size = np.ceil(size * rng.lognormal(0.0, SPREAD_OF_EMPLOYEES, count)).astype(np.int32)
    return size, rng.random(count) >= UNCOUNTED


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Account history, ordered by account and instant of the change."""
    accounts = world.accounts
    rng = world.rng("crm")
    vertical, owner = _master_data(world, rng)
    fraud = rng.random(len(accounts)) < 0.005
    employees, counted = _employees(world)
    versions = _versions(world, rng)
    account = np.array([version[0] for version in versions])
    updated = np.array([version[1] for version in versions], np.int64)

    def state(attribute: str) -> np.ndarray:
        return np.array([version[2][attribute] for version in versions])

    country = accounts.country[account]
    slugs = np.array([name.lower().replace(" ", "-") for name in accounts.names])
    yield (
        "customer_details",
        table(
            "customer_details",
            len(versions),
            account_id=pick(accounts.ids, account),
            company=[f"{name} Ltd" for name in accounts.names[account]],
            account_name=accounts.names[account],
            account_size=pick(SIZES, accounts.tier[account]),
            employee_count=pa.array(employees[account], mask=~counted[account]),
            segment=pick(SEGMENTS, state("segment").astype(int)),
            plan_tier=pick(TIERS, state("tier").astype(int)),
            vertical=pick(VERTICALS, vertical[account]),
            owner=pick(OWNERS, owner[account]),
            email=[f"{slug}@example.com" for slug in slugs[account]],
            city=pick([c.city for c in COUNTRIES], country),
            country=pick([c.code for c in COUNTRIES], country),
            is_active=state("active") > 0,
            cs_score=state("score").astype(float),
            is_fraud=fraud[account],
            date_created=accounts.signup_micros[account].view("datetime64[us]"),
            date_updated=updated.view("datetime64[us]"),
            data_source="crm",
        ),
    )
