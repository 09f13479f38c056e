"""How customers react: the weekly causal chain from shocks to tickets, usage and contracts."""

from dataclasses import dataclass

import numpy as np

from o2r.synthetic import truth
from o2r.synthetic.accounts import NEVER, Accounts
from o2r.synthetic.shocks import Exposure
from o2r.synthetic.timeline import Timeline

USAGE_NOISE = 0.10
"""Standard deviation of ln(tokens) from week to week when nothing happens."""
DISENGAGE_CHANCE = 0.011
DISENGAGE_DIP = 1.7
"""A week in which an account tries something else, for reasons of its own."""
CHURN_BASE = 0.0003
GRACE_WEEKS = 8
"""Weeks after the first payment in which nobody cancels."""
RETURN_CHANCE = 0.30
EXPANSION_CHANCE = 0.015
TICKET_BASE = 0.20


@dataclass(frozen=True)
class Panel:
    """State of A accounts over W weeks.

    using, (A, W) bool: may send requests. log_usage (A, W): ln of usage relative to full adoption.
    Tickets (A, W) by cause. satisfaction (A, W): survey points lost. mrr_factor (A, W): change of
    the contract value at the start of the week. ends (A, 2), returns (A,): week in which the first
    and the second contract period end, and in which the second one begins; NEVER if it does not.
    """

    using: np.ndarray
    log_usage: np.ndarray
    tickets_error: np.ndarray
    tickets_throttle: np.ndarray
    tickets_other: np.ndarray
    satisfaction: np.ndarray
    mrr_factor: np.ndarray
    ends: np.ndarray
    returns: np.ndarray


class _State:
    """Arrays that change from week to week; one entry per account."""

    def __init__(self, accounts: Accounts, timeline: Timeline):
        count = len(accounts)
        self.joined = timeline.week_of(accounts.signup)
        self.first_use = np.where(
            accounts.first_use == NEVER, NEVER, timeline.week_of(accounts.first_use)
        )
        self.paid = np.where(
            accounts.paid_from == NEVER, NEVER, timeline.week_of(accounts.paid_from)
        )
        trial_end = timeline.week_of(accounts.signup + accounts.trial_days)
        self.ends = np.full((count, 2), NEVER)
        self.ends[:, 0] = np.where(accounts.paid_from == NEVER, trial_end, NEVER)
        self.returns = np.full(count, NEVER)
        self.lost = np.zeros(count)

    def alive(self, week: int) -> np.ndarray:
        """Accounts (A,) with a trial or a contract in `week`."""
        first = (self.joined <= week) & (week <= self.ends[:, 0])
        return first | ((self.returns <= week) & (week <= self.ends[:, 1]))

    def paying_long(self, week: int) -> np.ndarray:
        """Accounts (A,) that have paid for longer than the period of grace."""
        since = np.where(self.returns <= week, self.returns, self.paid)
        return self.alive(week) & (since + GRACE_WEEKS <= week)

    def end_contracts(self, churned: np.ndarray, week: int, gap: np.ndarray) -> None:
        """End the contract of `churned` (A,) with `week`; back after `gap` weeks, 0 for never."""
        second = self.returns <= week
        self.ends[churned & second, 1] = week
        first = churned & ~second
        self.ends[first, 0] = week
        self.returns[first & (gap > 0)] = week + gap[first & (gap > 0)]


def _lagged(values: np.ndarray, week: int, lag: int) -> np.ndarray:
    """Column `week - lag` of values (A, W); zeros before the first week."""
    return values[:, week - lag] if week >= lag else np.zeros(len(values))


def _fall(dip: np.ndarray, using: np.ndarray, week: int, lag: int) -> np.ndarray:
    """How far ln(tokens) of each account (A,) fell `lag` weeks before, if it was in use."""
    return -_lagged(dip, week, lag) * _lagged(using, week, lag)


def simulate(
    accounts: Accounts, exposure: Exposure, timeline: Timeline, rng: np.random.Generator
) -> Panel:
    """Play the chain of `truth` week by week for all accounts."""
    shape = (len(accounts), timeline.weeks)
    noise = rng.normal(0.0, USAGE_NOISE, shape)
    disengaged = DISENGAGE_DIP * (rng.random(shape) < DISENGAGE_CHANCE)
    luck_churn, luck_shrink, luck_grow = rng.random((3, *shape))
    gaps = np.where(rng.random(shape) < RETURN_CHANCE, rng.integers(9, 27, shape), 0)
    growth = 0.25 + 0.25 * accounts.health
    ramp_weeks = rng.uniform(2.0, 7.0, len(accounts))

    state = _State(accounts, timeline)
    log_usage, satisfaction, error, throttle, latency, dip = np.zeros((6, *shape))
    tickets, by_error, by_throttle, other = np.zeros((4, *shape), int)
    using = np.zeros(shape, bool)
    mrr_factor = np.ones(shape)

    for week in range(timeline.weeks):
        alive = state.alive(week)
        using[:, week] = alive & (state.first_use <= week)
        for seen, shock in (
            (error, exposure.error),
            (throttle, exposure.throttle),
            (latency, exposure.latency),
        ):
            seen[:, week] = np.where(using[:, week], shock[:, week], 0.0)

        satisfaction[:, week] = truth.CSAT_PER_ERROR_ODDS * _lagged(
            error, week, truth.LAG_SATISFACTION
        ) + truth.CSAT_PER_LATENCY_EXCESS * _lagged(latency, week, truth.LAG_SATISFACTION)
        writes = alive & (state.joined < week)
        base = TICKET_BASE * np.exp(-0.2 * accounts.health)
        by_error[:, week] = rng.poisson(
            truth.TICKETS_PER_ERROR_ODDS * _lagged(error, week, truth.LAG_TICKETS) * writes
        )
        by_throttle[:, week] = rng.poisson(
            truth.TICKETS_PER_THROTTLE_ODDS * _lagged(throttle, week, truth.LAG_TICKETS) * writes
        )
        other[:, week] = rng.poisson(base * writes)

        tickets[:, week] = by_error[:, week] + by_throttle[:, week] + other[:, week]
        effect = truth.LOG_USAGE_PER_TICKET * _lagged(tickets, week, truth.LAG_USAGE)
        effect += truth.LOG_USAGE_PER_CSAT_POINT * _lagged(satisfaction, week, truth.LAG_USAGE)
        dip[:, week] = np.clip(effect - disengaged[:, week], -truth.MAX_DIP, 0.0)
        state.lost += np.where(using[:, week], truth.PERMANENT_SHARE * dip[:, week], 0.0)
        age = np.clip(week - state.first_use, 0, None)
        level = growth * -np.expm1(-age / 40.0) - 1.1 * np.exp(-age / ramp_weeks) + state.lost
        log_usage[:, week] = level + dip[:, week] + noise[:, week]

        may_leave = state.paying_long(week)
        fall = _fall(dip, using, week, truth.LAG_CHURN)
        hazard = CHURN_BASE + truth.CHURN_PER_DIP * np.clip(
            fall - truth.CHURN_DIP_THRESHOLD, 0.0, None
        )
        churned = may_leave & (luck_churn[:, week] < hazard)
        state.end_contracts(churned, week, gaps[:, week])

        fall = _fall(dip, using, week, truth.LAG_CONTRACTION)
        shrink = truth.CONTRACTION_PER_DIP * np.clip(
            fall - truth.CONTRACTION_DIP_THRESHOLD, 0.0, None
        )
        grow = EXPANSION_CHANCE * np.exp(0.5 * accounts.health)
        mrr_factor[may_leave & (luck_grow[:, week] < grow), week] = 1.25
        mrr_factor[may_leave & (luck_shrink[:, week] < shrink), week] = 0.75

    return Panel(
        using,
        log_usage,
        by_error,
        by_throttle,
        other,
        satisfaction,
        mrr_factor,
        state.ends,
        state.returns,
    )
