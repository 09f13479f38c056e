"""The latent company: everything the source systems report on, built once from the seed."""

from dataclasses import dataclass

import numpy as np

from o2r.synthetic.accounts import Accounts, build_accounts
from o2r.synthetic.columns import stream
from o2r.synthetic.config import SimulationConfig
from o2r.synthetic.dynamics import Panel, simulate
from o2r.synthetic.shocks import (
    BASE_ERROR_ODDS,
    BASE_THROTTLE_ODDS,
    Exposure,
    Incidents,
    build_exposure,
    build_incidents,
)
from o2r.synthetic.timeline import Timeline, build_timeline

WEEKDAY_WEIGHT = np.array([1.12, 1.16, 1.16, 1.14, 1.06, 0.70, 0.66])
"""Demand by weekday, Monday first; the mean is 1."""


@dataclass(frozen=True)
class World:
    """The latent state that all sources share.

    tokens (A, days): tokens demanded per account and day of `timeline.days`.
    weekly_requests (A, W): successful requests per account and full week.
    """

    config: SimulationConfig
    timeline: Timeline
    accounts: Accounts
    incidents: Incidents
    exposure: Exposure
    panel: Panel
    tokens: np.ndarray
    weekly_requests: np.ndarray

    def rng(self, source: str) -> np.random.Generator:
        """The random stream of one source."""
        return stream(self.config.seed, source)

    def request_rate(self, days: np.ndarray) -> np.ndarray:
        """Expected successful requests (A, len(days)) on day numbers of one ISO week."""
        week = self.timeline.week_of(int(days[0]))
        return self.weekly_requests[:, [week]] * _day_weights(self, days) / 7.0


def _day_weights(world: World, days: np.ndarray) -> np.ndarray:
    """Weekday factor (A, len(days)), 0 before the first use."""
    weekday = WEEKDAY_WEIGHT[(days - world.timeline.origin) % 7]
    return weekday * (days >= world.accounts.first_use[:, None])


def _daily_tokens(accounts: Accounts, panel: Panel, timeline: Timeline, rng) -> np.ndarray:
    """Tokens demanded per account and day, shape (A, days)."""
    days = timeline.days
    weeks = timeline.week_of(days)
    tokens = np.exp(panel.log_usage[:, weeks])
    tokens *= panel.using[:, weeks]
    tokens *= accounts.weekly_tokens[:, None] / 7.0
    tokens *= WEEKDAY_WEIGHT[(days - timeline.origin) % 7]
    tokens *= np.exp(rng.normal(0.0, 0.06, tokens.shape))
    tokens *= days >= accounts.first_use[:, None]
    return tokens


def _weekly_requests(
    events: int, accounts: Accounts, panel: Panel, exposure: Exposure, timeline: Timeline
) -> np.ndarray:
    """Successful requests per account and full week (A, W); delivered are about `events`."""
    relative = np.exp(panel.log_usage) * panel.using * accounts.request_weight[:, None]
    failures = BASE_ERROR_ODDS + BASE_THROTTLE_ODDS + exposure.error + exposure.throttle
    total = 0.0
    for week, days in timeline.telemetry_weeks():
        days = days[days <= timeline.told]
        total += (relative[:, week] * (1.0 + failures[:, week])).sum() * len(days) / 7.0
    return relative * (events / total if total else 0.0)


def build_world(config: SimulationConfig) -> World:
    """Build the latent company of `config`; each part draws from its own random stream."""

    def rng(part: str) -> np.random.Generator:
        return stream(config.seed, f"world.{part}")

    timeline = build_timeline(config)
    accounts = build_accounts(config.accounts, timeline, rng("accounts"))
    incidents = build_incidents(timeline, rng("incidents"))
    exposure = build_exposure(accounts, incidents, timeline, rng("exposure"))
    panel = simulate(accounts, exposure, timeline, rng("dynamics"))
    return World(
        config,
        timeline,
        accounts,
        incidents,
        exposure,
        panel,
        _daily_tokens(accounts, panel, timeline, rng("tokens")),
        _weekly_requests(config.events, accounts, panel, exposure, timeline),
    )
