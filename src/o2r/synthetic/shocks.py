"""What goes wrong: regional incidents and bad weeks of single accounts.

Every shock lasts at most one ISO week and is drawn afresh each week, so that one week says nothing
about the next and a lagged effect can be told from its neighbours.
"""

from dataclasses import dataclass

import numpy as np

from o2r.synthetic.accounts import Accounts
from o2r.synthetic.catalog import REGIONS
from o2r.synthetic.columns import MICROS_PER_DAY
from o2r.synthetic.timeline import Timeline

KINDS = ("faulty_deployment", "slow_network", "capacity_crunch", "outage")
FAULTY, SLOW, CRUNCH, OUTAGE = range(4)
KIND_CHANCE = (0.10, 0.09, 0.09, 0.08)
"""Chance of each kind of incident per region and week."""
ALL_REGIONS = -1
MICROS_PER_HOUR = MICROS_PER_DAY // 24
BASE_ERROR_ODDS = 0.012
BASE_THROTTLE_ODDS = 0.004
"""Failed attempts per successful request when nothing is wrong."""


@dataclass(frozen=True)
class Incidents:
    """One entry per incident (N,), ordered by start.

    size: failed attempts per successful request of the week (faulty, crunch, outage), or the
    relative excess latency while it lasts (slow). start, end: microseconds since 1970.
    """

    kind: np.ndarray
    region: np.ndarray
    week: np.ndarray
    start: np.ndarray
    end: np.ndarray
    size: np.ndarray


@dataclass(frozen=True)
class Exposure:
    """Weekly shocks seen by each account, shape (A, W) each.

    error, throttle: failed attempts per success, above the base. latency: relative excess.
    The `own_` parts hit single accounts (bad integrations); the rest comes from incidents.
    """

    error: np.ndarray
    throttle: np.ndarray
    latency: np.ndarray
    own_error: np.ndarray
    own_throttle: np.ndarray
    own_latency: np.ndarray


def build_incidents(timeline: Timeline, rng: np.random.Generator) -> Incidents:
    """Draw the incidents of all weeks of `timeline`."""
    shape = (timeline.weeks, len(REGIONS), len(KINDS))
    week, region, kind = np.nonzero(rng.random(shape) < np.array(KIND_CHANCE))
    count = len(week)
    uniform = rng.random((count, 3))
    strength = uniform[:, 0]
    outage_hours = 0.3 + 2.7 * strength**2
    hours = np.choose(
        kind,
        [3 + 24 * strength, 12 + 30 * uniform[:, 1], 6 + 30 * strength, outage_hours],
    )
    size = np.choose(
        kind,
        [0.05 + 0.12 * strength, 2.0 + 2.0 * strength, 0.05 + 0.12 * strength, 0.01 * outage_hours],
    )
    monday = timeline.monday(week) * MICROS_PER_DAY
    free = 7 * MICROS_PER_DAY - (hours * MICROS_PER_HOUR).astype(np.int64)
    start = monday + (uniform[:, 2] * (free - 60_000_000)).astype(np.int64)
    start -= start % 60_000_000
    end = start + (hours * 60).astype(np.int64) * 60_000_000
    everywhere = (kind == OUTAGE) & (rng.random(count) < 0.15)
    region = np.where(everywhere, ALL_REGIONS, region)
    order = np.lexsort((kind, region, start))
    return Incidents(*(column[order] for column in (kind, region, week, start, end, size)))


def region_share(accounts: Accounts, region: int) -> np.ndarray:
    """Share of each account's requests (A,) that an incident in `region` touches."""
    if region == ALL_REGIONS:
        return np.ones(len(accounts))
    return accounts.region_mix[:, region]


def build_exposure(
    accounts: Accounts, incidents: Incidents, timeline: Timeline, rng: np.random.Generator
) -> Exposure:
    """Add up what incidents and account-specific shocks do to each account and week."""
    shape = (len(accounts), timeline.weeks)

    def own(chance: float, low: float, high: float) -> np.ndarray:
        sizes = low + (high - low) * rng.random(shape)
        return np.where(rng.random(shape) < chance, sizes, 0.0)

    own_error = own(0.04, 0.10, 0.35)
    own_throttle = own(0.04, 0.10, 0.35)
    own_latency = own(0.06, 0.6, 1.8)
    error, throttle, latency = own_error.copy(), own_throttle.copy(), own_latency.copy()
    for i, (kind, week) in enumerate(zip(incidents.kind, incidents.week, strict=True)):
        share = region_share(accounts, incidents.region[i])
        if kind == SLOW:
            weeks_long = (incidents.end[i] - incidents.start[i]) / (7 * MICROS_PER_DAY)
            latency[:, week] += share * incidents.size[i] * weeks_long
        else:
            target = throttle if kind == CRUNCH else error
            target[:, week] += share * incidents.size[i]
    return Exposure(error, throttle, latency, own_error, own_throttle, own_latency)
