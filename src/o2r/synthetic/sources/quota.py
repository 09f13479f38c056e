"""The quota service: default limits, limits agreed with accounts, and requests for others."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from o2r.synthetic.catalog import MODELS, NOT_OFFERED, OWNERS, REGIONS, SCOPES
from o2r.synthetic.columns import MICROS_PER_DAY, pick, table
from o2r.synthetic.sources.platform import snapshot_days
from o2r.synthetic.world import World

ADJUSTED_CHANCE, ASKING_CHANCE = 0.25, 0.30
TOKENS_PER_REQUEST = 12_000
FULL_MINUTES_PER_DAY = 6
"""Minutes at the limit of tokens per minute that use up the limit per day."""
STUCK_CHANCE = 0.1
"""Share of requests for other limits that wait eight times as long as usual."""


def _limits(requests_per_minute: np.ndarray) -> dict[str, np.ndarray]:
    """The three limits that belong together."""
    per_minute = requests_per_minute * TOKENS_PER_REQUEST
    return {
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": per_minute,
        "tokens_per_day": per_minute * FULL_MINUTES_PER_DAY,
    }


def _base_limit(model: np.ndarray) -> np.ndarray:
    """Default requests per minute of model indices."""
    return 10 * np.array([m.max_concurrency for m in MODELS])[model]


def _defaults(world: World) -> pa.Table:
    """Default limits at both configuration snapshots; the second ones are a quarter higher."""
    rows = [
        (m, s, r, day, step)
        for m, model in enumerate(MODELS)
        for s in range(len(SCOPES))
        for r, region in enumerate(REGIONS)
        if (model.name, region) not in NOT_OFFERED
        for step, day in enumerate(snapshot_days(world))
    ]
    model, scope, region, day, step = np.array(rows).T
    return table(
        "quota_default_rate_limits",
        len(rows),
        model_variant=pick([m.name for m in MODELS], model),
        inference_scope=pick(SCOPES, scope),
        source_region=pick(REGIONS, region),
        snapshot_date=day.astype("datetime64[D]"),
        **_limits(_base_limit(model) * (4 + step) // 4),
    )


def _subjects(world: World, chance: float, rng: np.random.Generator) -> tuple[np.ndarray, dict]:
    """(account indices, key columns): some accounts with their main model, scope and region."""
    accounts = world.accounts
    chosen = np.flatnonzero(rng.random(len(accounts)) < chance * (1 + accounts.tier) / 2)
    chosen = chosen[accounts.first_use[chosen] <= world.timeline.end]
    return chosen, {
        "account_id": pick(accounts.ids, chosen),
        "model_variant": pick([m.name for m in MODELS], accounts.model_mix[chosen].argmax(axis=1)),
        "inference_scope": pick(SCOPES, accounts.global_scope[chosen].astype(int)),
        "source_region": pick(REGIONS, accounts.region[chosen]),
    }


def _earliest(world: World, chosen: np.ndarray) -> np.ndarray:
    """First day (n,) on which an account may talk about limits: in use, inside the telemetry."""
    return np.maximum(world.accounts.first_use[chosen], world.timeline.window_start)


def _adjustments(world: World, rng: np.random.Generator) -> pa.Table:
    """Limits agreed with accounts: some not yet in force, some expired, some without an end."""
    chosen, keys = _subjects(world, ADJUSTED_CHANCE, rng)
    count, end = len(chosen), world.timeline.end
    first = _earliest(world, chosen)
    agreed = first + np.floor(rng.random(count) * (end - first + 1)).astype(int)
    effective = agreed + rng.choice([0, 7, 45], count, p=[0.6, 0.25, 0.15])
    expiry = (effective + rng.integers(30, 120, count)).astype("datetime64[D]")
    model = world.accounts.model_mix[chosen].argmax(axis=1)
    return table(
        "quota_customer_rate_limit_adjustments",
        count,
        **keys,
        snapshot_date=agreed.astype("datetime64[D]"),
        **_limits(_base_limit(model) * rng.choice([2, 3, 5], count)),
        reason=pick(("growth", "launch", "load test"), rng.integers(3, size=count)),
        ticket_link=[f"https://support.example.com/quota/{n:05d}" for n in range(1, count + 1)],
        approver=pick(OWNERS, rng.integers(len(OWNERS), size=count)),
        effective_date=effective.astype("datetime64[D]"),
        expiry_date=np.where(rng.random(count) < 0.5, expiry, np.datetime64("NaT")),
    )


def _requests(world: World, rng: np.random.Generator) -> pa.Table:
    """Requests for other limits: one row when created, one when decided."""
    chosen, keys = _subjects(world, ASKING_CHANCE, rng)
    count = len(chosen)
    first = _earliest(world, chosen) * MICROS_PER_DAY
    created = first + rng.random(count) * (world.timeline.end_micros - first)
    created = created.astype(np.int64) // 1_000_000 * 1_000_000
    days = rng.exponential(2.5, count) * np.where(rng.random(count) < STUCK_CHANCE, 8.0, 1.0)
    decided = created + (days * MICROS_PER_DAY).astype(np.int64) + 60_000_000
    verdict = rng.choice([1, 2, 3], count, p=[0.65, 0.22, 0.13])
    up = rng.random(count) < 0.9
    model = world.accounts.model_mix[chosen].argmax(axis=1)
    asked = np.where(up, _base_limit(model) * rng.choice([2, 4, 8], count), _base_limit(model) // 2)

    statuses = ("pending", "approved", "rejected", "cancelled")
    request = np.repeat(np.arange(count), 2)
    closing = np.tile([False, True], count)
    updated = np.where(closing, decided[request], created[request])
    kept = updated < world.timeline.end_micros
    request, closing, updated = request[kept], closing[kept], updated[kept]
    return table(
        "quota_customer_rate_limit_requests",
        len(request),
        **{name: values.take(pa.array(request)) for name, values in keys.items()},
        create_datetime=created[request].view("datetime64[us]"),
        limit_type=pick(("downgrade", "upgrade"), up[request].astype(int)),
        **_limits(asked[request]),
        status=pick(statuses, np.where(closing, verdict[request], 0)),
        created_by=pick([f"admin@{a}.example.com" for a in world.accounts.ids], chosen[request]),
        last_updated=updated.view("datetime64[us]"),
    )


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Limits and requests for limits."""
    yield "quota_default_rate_limits", _defaults(world)
    yield "quota_customer_rate_limit_adjustments", _adjustments(world, world.rng("adjustments"))
    yield "quota_customer_rate_limit_requests", _requests(world, world.rng("limit requests"))
