"""Who the customers are: the fixed attributes of each account."""

from dataclasses import dataclass

import numpy as np

from o2r.synthetic.catalog import (
    COUNTRIES,
    MODELS,
    NAME_FORMS,
    NAME_HEADS,
    NAME_TAILS,
    NOT_OFFERED,
    REGIONS,
)
from o2r.synthetic.columns import MICROS_PER_DAY, number_ids
from o2r.synthetic.timeline import Timeline

TIER_SHARES = (0.50, 0.35, 0.15)
WEEKLY_USD = (650.0, 2_800.0, 17_000.0)
"""Median metered spend per week at list price, by tier."""
REQUEST_WEIGHT = (1.0, 2.2, 5.0)
"""Relative number of requests, by tier."""
MONTHLY_USD = ((300.0, 900.0), (1_200.0, 4_000.0), (8_000.0, 20_000.0))
"""Range of the contract value per month, by tier."""
SIGNUP_GROWTH = 0.0125
"""Weekly growth of the sign-up rate over the history."""
NEVER = 1 << 30


@dataclass(frozen=True)
class Accounts:
    """One entry per account (A accounts); indices point into the lists of `catalog`.

    Days are day numbers since 1970; NEVER stands for a day that does not come. `model_mix` (A, M)
    and `region_mix` (A, R) hold shares of tokens; `weekly_tokens` is the level at full adoption.
    """

    ids: np.ndarray
    names: np.ndarray
    tier: np.ndarray
    strategic: np.ndarray
    country: np.ndarray
    region: np.ndarray
    global_scope: np.ndarray
    billing: np.ndarray
    seats: np.ndarray
    health: np.ndarray
    signup: np.ndarray
    first_use: np.ndarray
    paid_from: np.ndarray
    trial_days: np.ndarray
    dabbler: np.ndarray
    monthly_usd: np.ndarray
    weekly_tokens: np.ndarray
    request_weight: np.ndarray
    model_mix: np.ndarray
    region_mix: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def signup_micros(self) -> np.ndarray:
        """Instant of the sign-up, microseconds since 1970 (A,): in working hours."""
        second = 8 * 3600 + np.arange(len(self)) * 7919 % 36_000
        return self.signup * MICROS_PER_DAY + second * 1_000_000


def _signups(count: int, timeline: Timeline, rng: np.random.Generator) -> np.ndarray:
    """Sorted sign-up days (count,): an evenly filled, exponentially growing density."""
    span = timeline.end - timeline.origin
    quantile = (np.arange(count) + rng.random(count)) / count
    rate = SIGNUP_GROWTH * span / 7
    return timeline.origin + np.floor(span * np.log1p(quantile * np.expm1(rate)) / rate).astype(int)


def _names(count: int, rng: np.random.Generator) -> np.ndarray:
    """Distinct fictional company names (count,)."""
    size = (len(NAME_HEADS), len(NAME_TAILS), len(NAME_FORMS))
    head, tail, form = np.unravel_index(rng.permutation(np.prod(size))[:count], size)
    parts = zip(head, tail, form, strict=True)
    return np.array([f"{NAME_HEADS[h]}{NAME_TAILS[t]} {NAME_FORMS[f]}" for h, t, f in parts])


def _model_mix(region_mix: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shares of tokens per model (A, M): one to three models, all offered in the regions used."""
    count = len(region_mix)
    offered = np.ones((count, len(MODELS)), bool)
    for m, model in enumerate(MODELS):
        for r, region in enumerate(REGIONS):
            if (model.name, region) in NOT_OFFERED:
                offered[:, m] &= region_mix[:, r] == 0
    weights = np.array([model.weight for model in MODELS])
    taste = np.where(offered, weights * rng.gamma(0.6, size=offered.shape), 0.0)
    chosen = rng.integers(1, 4, count)
    rank = np.argsort(np.argsort(-taste, axis=1, kind="stable"), axis=1, kind="stable")
    taste = np.where(rank < chosen[:, None], taste + 1e-9, 0.0)
    return taste / taste.sum(axis=1, keepdims=True)


def _region_mix(region: np.ndarray, spread: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shares of tokens per source region (A, R): all at home, or a fifth elsewhere if `spread`."""
    mix = np.zeros((len(region), len(REGIONS)))
    rows = np.arange(len(region))
    second = (region + rng.integers(1, len(REGIONS), len(region))) % len(REGIONS)
    mix[rows, region] = 1.0 - 0.2 * spread
    mix[rows, second] += 0.2 * spread
    return mix


def blended_price(model_mix: np.ndarray) -> np.ndarray:
    """US dollars per token at list price (A,) for shares of models (A, M)."""
    per_model = [np.dot(model.token_shares, model.prices) / 1000.0 for model in MODELS]
    return model_mix @ np.array(per_model)


def _with_those_ahead(count: int, timeline: Timeline) -> int:
    """Accounts of the whole simulation when `count` of them have signed up by its last told day."""
    until_told, until_end = (
        np.expm1(SIGNUP_GROWTH * (day - timeline.origin) / 7)
        for day in (timeline.told, timeline.end)
    )
    return round(count * until_end / until_told)


def build_accounts(count: int, timeline: Timeline, rng: np.random.Generator) -> Accounts:
    """Draw accounts; `count` of them sign up before the days ahead."""
    count = _with_those_ahead(count, timeline)
    tier = rng.choice(3, count, p=TIER_SHARES)
    weights = np.array([country.weight for country in COUNTRIES])
    country = rng.choice(len(COUNTRIES), count, p=weights / weights.sum())
    region = np.array([c.region for c in COUNTRIES])[country]
    region = np.where((country == 0) & (rng.random(count) < 0.5), 1, region)
    global_scope = rng.random(count) < np.array([0.1, 0.3, 0.5])[tier]
    region_mix = _region_mix(region, global_scope, rng)
    model_mix = _model_mix(region_mix, rng)

    signup = _signups(count, timeline, rng)
    kind = rng.random(count)
    never_uses, dabbler, leaves_trial = kind < 0.04, (kind >= 0.04) & (kind < 0.07), kind > 0.95
    longest = np.where(leaves_trial, 10, 40)
    delay = np.minimum(longest, 1 + np.floor(rng.exponential(8.0, count))).astype(int)
    trial_days = rng.choice([0, 14, 30], count, p=[0.2, 0.5, 0.3])
    trial_days[never_uses | leaves_trial] = 30
    paid_from = np.where(never_uses | leaves_trial, NEVER, signup + trial_days)

    spend = np.array(WEEKLY_USD)[tier] * rng.lognormal(0.0, 0.45, count)
    contracted = np.where(tier == 0, 1, rng.integers(1, 3, count))
    low, high = np.array(MONTHLY_USD)[tier].T
    monthly = np.round(low * (high / low) ** rng.random(count) / 10.0) * 10.0
    return Accounts(
        ids=number_ids("acc-", np.arange(1, count + 1), 5).to_numpy(zero_copy_only=False),
        names=_names(count, rng),
        tier=tier,
        strategic=rng.random(count) < np.array([0.03, 0.2, 0.75])[tier],
        country=country,
        region=region,
        global_scope=global_scope,
        billing=np.where(rng.random(count) < 0.6, 0, contracted),
        seats=1 + rng.poisson(np.array([3.0, 8.0, 20.0])[tier]),
        health=rng.normal(size=count),
        signup=signup,
        first_use=np.where(never_uses, NEVER, signup + delay),
        paid_from=paid_from,
        trial_days=trial_days,
        dabbler=dabbler,
        monthly_usd=monthly,
        weekly_tokens=np.where(dabbler, 60.0, spend / blended_price(model_mix)),
        request_weight=np.where(
            dabbler, 0.02, np.array(REQUEST_WEIGHT)[tier] * rng.lognormal(0.0, 0.2, count)
        ),
        model_mix=model_mix,
        region_mix=region_mix,
    )
