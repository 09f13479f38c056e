"""Request logs: one row per attempt, split into open-source and proprietary models."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2r.synthetic.catalog import (
    COUNTRIES,
    MODELS,
    REGIONS,
    SCOPES,
    TOKEN_CLASSES,
    inference_region,
)
from o2r.synthetic.columns import MICROS_PER_DAY, number_ids, pick, table
from o2r.synthetic.shocks import (
    BASE_ERROR_ODDS,
    BASE_THROTTLE_ODDS,
    CRUNCH,
    SLOW,
    region_share,
)
from o2r.synthetic.world import World

ERROR_CODES = ("E429", "E503", "E500", "E400")
SUCCESS, THROTTLED, UNAVAILABLE, FAILED, INVALID = -1, 0, 1, 2, 3
LOCAL_HOUR_WEIGHT = np.array(
    [2, 1.5, 1, 1, 1, 1.5, 2, 3, 5, 7, 8, 8, 7, 7.5, 8, 8, 7.5, 6.5, 5, 4, 3.5, 3, 3, 2.5]
)
"""Relative traffic by local hour of the day."""
TRAFFIC = ("on-demand", "batch", "provisioned")
LATENCY_SIGMA = 0.45
TOKEN_SIGMA = 0.7


@dataclass
class _Attempts:
    """Attempts of one week, parallel arrays (n,): account, instant (us), region (-1: any), code."""

    account: np.ndarray
    micros: np.ndarray
    region: np.ndarray
    code: np.ndarray


def _clock(world: World, account: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Microseconds into the UTC day (n,): the caller's busy hours."""
    offsets = np.array([c.utc_offset for c in COUNTRIES])[world.accounts.country[account]]
    cumulated = np.cumsum(LOCAL_HOUR_WEIGHT) / LOCAL_HOUR_WEIGHT.sum()
    hour = np.searchsorted(cumulated, rng.random(len(account)), side="right")
    second = rng.random(len(account)) * 3600.0
    return (((hour - offsets) % 24) * 3600.0 * 1e6 + second * 1e6).astype(np.int64)


def _spread(world: World, expected: np.ndarray, days: np.ndarray, code: int, rng) -> _Attempts:
    """Attempts over whole days: Poisson counts around expected (A, len(days))."""
    counts = rng.poisson(expected)
    account, day = (np.repeat(index, counts[counts > 0]) for index in np.nonzero(counts))
    micros = days[day] * MICROS_PER_DAY + _clock(world, account, rng)
    region = np.full(len(account), -1)
    return _Attempts(account, micros, region, np.full(len(account), code))


def _incident_failures(world: World, week: int, rng: np.random.Generator) -> list[_Attempts]:
    """Failed attempts during the incidents of one week."""
    found = []
    incidents = world.incidents
    for i in np.flatnonzero((incidents.week == week) & (incidents.kind != SLOW)):
        share = region_share(world.accounts, incidents.region[i])
        counts = rng.poisson(world.weekly_requests[:, week] * share * incidents.size[i])
        account = np.repeat(np.arange(len(counts)), counts)
        micros = rng.integers(incidents.start[i], incidents.end[i], len(account))
        code = THROTTLED if incidents.kind[i] == CRUNCH else UNAVAILABLE
        region = np.full(len(account), incidents.region[i])
        found.append(_Attempts(account, micros, region, np.full(len(account), code)))
    return found


def _attempts(world: World, week: int, days: np.ndarray, rng: np.random.Generator) -> _Attempts:
    """All attempts of one week inside the telemetry window, ordered by time."""
    rate = world.request_rate(days)
    own_error = world.exposure.own_error[:, [week]]
    own_throttle = world.exposure.own_throttle[:, [week]]
    parts = [
        _spread(world, rate, days, SUCCESS, rng),
        _spread(world, rate * (BASE_THROTTLE_ODDS + own_throttle), days, THROTTLED, rng),
        _spread(world, rate * BASE_ERROR_ODDS * 0.5, days, FAILED, rng),
        _spread(world, rate * (BASE_ERROR_ODDS * 0.5 + own_error), days, INVALID, rng),
        *_incident_failures(world, week, rng),
    ]
    account, micros, region, code = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("account", "micros", "region", "code")
    )
    low, high = days[0] * MICROS_PER_DAY, (days[-1] + 1) * MICROS_PER_DAY
    inside = (micros >= low) & (micros < high)
    inside &= micros >= world.accounts.first_use[account] * MICROS_PER_DAY
    order = np.flatnonzero(inside)[np.lexsort((account[inside], micros[inside]))]
    return _Attempts(account[order], micros[order], region[order], code[order])


def _draw(shares: np.ndarray, account: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each attempt (n,) an index drawn with the shares (A, K) of its account."""
    cumulated = np.cumsum(shares, axis=1)
    cumulated[:, -1] = 1.0
    return (rng.random(len(account))[:, None] >= cumulated[account]).sum(axis=1)


def _latency(world: World, week: int, tries: _Attempts, model, region, rng) -> np.ndarray:
    """Milliseconds from request in to response out (n,); failed attempts take as long."""
    latency = np.array([m.latency_ms for m in MODELS])[model]
    latency = latency * rng.lognormal(0.0, LATENCY_SIGMA, len(latency))
    latency *= 1.0 + world.exposure.own_latency[tries.account, week]
    incidents = world.incidents
    for i in np.flatnonzero((incidents.week == week) & (incidents.kind == SLOW)):
        hit = (tries.micros >= incidents.start[i]) & (tries.micros < incidents.end[i])
        latency[hit & (region == incidents.region[i])] *= 1.0 + incidents.size[i]
    return np.round(latency, 1)


def _tokens(world: World, days: np.ndarray, tries: _Attempts, model, rng) -> list[np.ndarray]:
    """Tokens by class, four arrays (n,): the demand of these days, split over successes."""
    demand = world.tokens[:, days - world.timeline.money_start].sum(axis=1)
    weight = np.where(tries.code == SUCCESS, rng.lognormal(0.0, TOKEN_SIGMA, len(model)), 0.0)
    summed = np.bincount(tries.account, weight, len(demand))
    total = demand[tries.account] * weight / np.maximum(summed[tries.account], 1e-300)
    shares = np.array([m.token_shares for m in MODELS])[model]
    classes = [np.rint(total * shares[:, k]).astype(np.int64) for k in range(len(TOKEN_CLASSES))]
    classes[0] = np.maximum(np.rint(total).astype(np.int64) - sum(classes[1:]), 0)
    return classes


def _local_time(world: World, tries: _Attempts) -> np.ndarray:
    """Wall-clock time of the caller, microseconds (n,)."""
    offsets = np.array([c.utc_offset for c in COUNTRIES])[world.accounts.country[tries.account]]
    return tries.micros + offsets * (MICROS_PER_DAY // 24)


def _week_columns(world: World, week: int, days: np.ndarray, rng) -> tuple[int, dict, np.ndarray]:
    """Rows, columns and model index of the attempts of one week."""
    accounts = world.accounts
    tries = _attempts(world, week, days, rng)
    rows = len(tries.account)
    drawn = _draw(accounts.region_mix, tries.account, rng)
    region = np.where(tries.region >= 0, tries.region, drawn)
    model = _draw(accounts.model_mix, tries.account, rng)
    routes = [inference_region(m.name, r) for m in MODELS for r in REGIONS]
    provisioned = accounts.billing[tries.account] == 2
    traffic = np.where(rng.random(rows) < 0.12, 1, np.where(provisioned, 2, 0))
    columns = {
        "request_id": number_ids(f"req-{world.timeline.label(week)}-", np.arange(1, rows + 1), 7),
        "account_id": pick(accounts.ids, tries.account),
        "api_name": pick([m.api_name for m in MODELS], model),
        "model_variant": pick([m.name for m in MODELS], model),
        "source_region": pick(REGIONS, region),
        "inference_region": pick(routes, model * len(REGIONS) + region),
        "traffic_type": pick(TRAFFIC, traffic),
        "inference_scope": pick(SCOPES, accounts.global_scope[tries.account].astype(int)),
        "latency_ms": _latency(world, week, tries, model, region, rng),
        "error_code": pick(ERROR_CODES, tries.code),
        "event_timestamp": tries.micros.view("datetime64[us]"),
        "local_timestamp": _local_time(world, tries).view("datetime64[us]"),
    }
    tokens = _tokens(world, days, tries, model, rng)
    columns |= {f"{n}_tokens": t for n, t in zip(TOKEN_CLASSES, tokens, strict=True)}
    return rows, columns, model


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Both token-usage feeds, one chunk per ISO week of the telemetry window."""
    rng = world.rng("inference")
    open_source = np.array([m.is_open_source for m in MODELS])
    for week, days in world.timeline.telemetry_weeks():
        rows, columns, model = _week_columns(world, week, days, rng)
        is_open = pa.array(open_source[model])
        for name, mask in (("open_source", is_open), ("proprietary", pc.invert(is_open))):
            feed = f"inference_user_token_usage_{name}"
            yield feed, table(feed, rows, **columns).filter(mask)
