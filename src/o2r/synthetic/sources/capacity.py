"""Capacity telemetry: load of each pod, instances per model, accelerators per reservation."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from o2r.synthetic.catalog import (
    INSTANCE_OF,
    MODELS,
    NOT_OFFERED,
    REGIONS,
    inference_region,
)
from o2r.synthetic.columns import MICROS_PER_DAY, instants, pick, table
from o2r.synthetic.shocks import ALL_REGIONS, CRUNCH
from o2r.synthetic.sources.inference import LOCAL_HOUR_WEIGHT
from o2r.synthetic.world import World

REGION_UTC_OFFSET = (-5, -8, 1, 7)
ROLES = ("sampler", "classifier")
HOUR = MICROS_PER_DAY // 24
CRUNCH_FACTOR = 1.7
"""How much busier a region is while capacity is short."""
WARM_SHARE = 0.08
RESERVED_SHARE = 0.75
"""Instances reserved in a region, as a share of what its models would need at full load."""
LABORATORY_INSTANCES = 6
PROJECT_CHANGE_CHANCE = 1 / 14
"""Chance per six hours that a team begins or ends its use of a reservation."""
OWNER_ACCOUNTS = ("svc-inference", "svc-research", "svc-evaluation", "svc-batch")


@dataclass(frozen=True)
class _Pods:
    """The serving pods (P,): index of model and region, role, capacity, usual load (0..1)."""

    model: np.ndarray
    region: np.ndarray
    role: np.ndarray
    max_concurrency: np.ndarray
    usual: np.ndarray


def hosted() -> list[tuple[int, int]]:
    """(model, region) pairs that have machines of their own."""
    return [
        (m, r)
        for m, model in enumerate(MODELS)
        for r, region in enumerate(REGIONS)
        if (model.name, region) not in NOT_OFFERED
        and inference_region(model.name, region) == region
    ]


def _pods(rng: np.random.Generator) -> _Pods:
    """A sampler for each hosted model and a classifier for each region."""
    pairs = hosted() + [(0, r) for r in range(len(REGIONS))]
    model, region = np.array(pairs).T
    role = (np.arange(len(pairs)) >= len(hosted())).astype(int)
    return _Pods(
        model,
        region,
        role,
        np.array([m.max_concurrency for m in MODELS])[model],
        np.where(role == 1, 0.30, rng.uniform(0.42, 0.58, len(pairs))),
    )


def _relative_load(world: World, pods: _Pods, days: np.ndarray) -> np.ndarray:
    """Tokens each pod serves per day relative to its mean, shape (P, days)."""
    tokens = world.tokens[:, days - world.timeline.money_start]
    accounts = world.accounts
    served = np.zeros((len(MODELS), len(REGIONS), len(days)))
    for m, model in enumerate(MODELS):
        for r, region in enumerate(REGIONS):
            share = accounts.model_mix[:, m] * accounts.region_mix[:, r]
            target = REGIONS.index(inference_region(model.name, region))
            served[m, target] += share @ tokens
    classifier = (pods.role == 1)[:, None]
    load = np.where(classifier, served.sum(axis=0)[pods.region], served[pods.model, pods.region])
    mean = load.mean(axis=1, keepdims=True)
    return np.where(mean > 0, load / np.where(mean > 0, mean, 1.0), 0.0)


def _crunched(world: World, days: np.ndarray) -> np.ndarray:
    """Which hours of which region are short of capacity, bool (R, 24 * days)."""
    starts = np.arange(24 * len(days)) * HOUR + days[0] * MICROS_PER_DAY
    short = np.zeros((len(REGIONS), len(starts)), bool)
    incidents = world.incidents
    for i in np.flatnonzero(incidents.kind == CRUNCH):
        during = (starts + HOUR > incidents.start[i]) & (starts < incidents.end[i])
        touched = slice(None) if incidents.region[i] == ALL_REGIONS else incidents.region[i]
        short[touched] |= during
    return short


def _utilisation(world: World, pods: _Pods, days: np.ndarray, rng) -> tuple[np.ndarray, np.ndarray]:
    """(requests at once, short of capacity), both (P, 24 * days)."""
    hour_weight = LOCAL_HOUR_WEIGHT / LOCAL_HOUR_WEIGHT.mean()
    hours = np.arange(24 * len(days)) % 24
    offsets = np.array(REGION_UTC_OFFSET)[pods.region]
    rhythm = 0.45 + 0.55 * hour_weight[(hours + offsets[:, None]) % 24]
    short = _crunched(world, days)[pods.region]
    load = np.repeat(_relative_load(world, pods, days), 24, axis=1)
    ratio = pods.usual[:, None] * np.sqrt(load) * rhythm * np.where(short, CRUNCH_FACTOR, 1.0)
    ratio *= rng.lognormal(0.0, 0.12, ratio.shape)
    concurrency = np.rint(np.clip(ratio, 0.0, 1.0) * pods.max_concurrency[:, None]).astype(np.int64)
    return concurrency, short


def _utilisation_table(pods: _Pods, days: np.ndarray, concurrency, short) -> pa.Table:
    """One row per pod and hour, ordered by hour and pod."""
    count, hours = concurrency.shape
    pod = np.tile(np.arange(count), hours)
    hour = np.repeat(np.arange(hours), count)
    used, capacity = concurrency.T.ravel(), pods.max_concurrency[pod]
    names = [
        f"pod-{MODELS[m].name}-{REGIONS[r]}-{ROLES[role]}"
        for m, r, role in zip(pods.model, pods.region, pods.role, strict=True)
    ]
    instances = [INSTANCE_OF[m.accelerator] for m in MODELS]
    return table(
        "resource_model_utilization",
        len(pod),
        pod_id=pick(names, pod),
        event_timestamp=instants(days[0] + hour // 24, hour % 24 * HOUR),
        model_variant=pick([m.name for m in MODELS], pods.model[pod]),
        instance_type=pick(instances, pods.model[pod]),
        role=pick(ROLES, pods.role[pod]),
        pod_max_concurrency=capacity,
        actual_concurrency=used,
        util_ratio=used / capacity,
        region=pick(REGIONS, pods.region[pod]),
        status=pick(("running", "saturated"), short.T.ravel().astype(int)),
    )


def _allocation_table(pods: _Pods, days: np.ndarray, ratio: np.ndarray) -> pa.Table:
    """One row per hosted model, region and day; ratio (P, 24 * days) decides the instances used."""
    samplers = np.flatnonzero(pods.role == 0)
    peak = ratio[samplers].reshape(len(samplers), len(days), 24).max(axis=2)
    replicas = np.array([m.replicas for m in MODELS])[pods.model[samplers]]
    used = np.ceil(peak * replicas[:, None]).astype(np.int64).T.ravel()
    pod = np.tile(samplers, len(days))
    return table(
        "resource_model_instance_allocation",
        len(pod),
        model_variant=pick([m.name for m in MODELS], pods.model[pod]),
        region=pick(REGIONS, pods.region[pod]),
        instance_type=pick([INSTANCE_OF[m.accelerator] for m in MODELS], pods.model[pod]),
        event_timestamp=instants(np.repeat(days, len(samplers)), 0),
        used_instances=used,
        warmpool_instances=np.ceil(WARM_SHARE * used).astype(np.int64),
    )


def _shared(pods: _Pods, samples: np.ndarray, ratio: np.ndarray) -> list[tuple]:
    """Reservations behind the models: (region, accelerator, total, used) for each of both."""
    kinds = sorted(INSTANCE_OF)
    accelerator = np.array([kinds.index(m.accelerator) for m in MODELS])[pods.model]
    reservations = []
    for r, k in itertools.product(range(len(REGIONS)), range(len(kinds))):
        mine = (pods.region == r) & (accelerator == k) & (pods.role == 0)
        machines = 2 * sum(MODELS[m].replicas for m in pods.model[mine])
        size = int(RESERVED_SHARE * machines)
        total = np.where(samples < ratio.shape[1] // 2, size, size + 2)
        wanted = np.rint(ratio[mine][:, samples].mean(axis=0) * machines)
        reservations.append((r, k, total, np.minimum(total, wanted)))
    return reservations


def _laboratories(samples: np.ndarray, hours: int, rng: np.random.Generator) -> list[tuple]:
    """Reservations of teams that use all of it or nothing; the last one is forgotten."""
    reservations = []
    for r in range(len(REGIONS)):
        idle = np.cumsum(rng.random(len(samples)) < PROJECT_CHANGE_CHANCE) % 2 == 1
        if r == len(REGIONS) - 1:
            idle = samples >= 0.6 * hours
        total = np.full(len(samples), LABORATORY_INSTANCES)
        reservations.append((r, 1, total, np.where(idle, 0, total)))
    return reservations


def _inventory_table(pods: _Pods, days: np.ndarray, ratio: np.ndarray, rng) -> pa.Table:
    """One row per reservation and six hours."""
    kinds = sorted(INSTANCE_OF)
    samples = np.arange(0, ratio.shape[1], 6)
    shared = _shared(pods, samples, ratio)
    reservations = shared + _laboratories(samples, ratio.shape[1], rng)
    names = [f"odcr-{REGIONS[r]}-{kinds[k]}" for r, k, _, _ in shared]
    names += [f"odcr-{region}-lab" for region in REGIONS]
    region, kind = np.array([(r, k) for r, k, _, _ in reservations]).T
    total = np.array([t for _, _, t, _ in reservations]).T.ravel()
    used = np.array([u for _, _, _, u in reservations]).T.ravel().astype(np.int64)
    owner = np.append(np.zeros(len(shared), int), np.arange(1, len(REGIONS) + 1))
    owner[-1] = -1
    index = np.tile(np.arange(len(reservations)), len(samples))
    warm = np.where(owner[index] == 0, np.ceil(WARM_SHARE * (total - used)), 0).astype(np.int64)
    hour = np.repeat(samples, len(reservations))
    return table(
        "resource_accelerator_inventory",
        len(index),
        odcr=pick(names, index),
        event_timestamp=instants(days[0] + hour // 24, hour % 24 * HOUR),
        instance_type=pick([INSTANCE_OF[k] for k in kinds], kind[index]),
        platform=pick(kinds, kind[index]),
        region=pick(REGIONS, region[index]),
        service_account=pick(OWNER_ACCOUNTS, owner[index]),
        consumer_account=pick([f"svc-serving-{r}" for r in REGIONS], region[index]),
        total_instances=total,
        idle_instances=total - used - warm,
        warmpool_instances=warm,
        used_instances=used,
    )


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Capacity telemetry of the window."""
    rng = world.rng("capacity")
    days = np.arange(world.timeline.window_start, world.timeline.end + 1)
    pods = _pods(rng)
    concurrency, short = _utilisation(world, pods, days, rng)
    ratio = concurrency / pods.max_concurrency[:, None]
    yield "resource_model_utilization", _utilisation_table(pods, days, concurrency, short)
    yield "resource_model_instance_allocation", _allocation_table(pods, days, ratio)
    inventory = _inventory_table(pods, days, ratio, world.rng("laboratories"))
    yield "resource_accelerator_inventory", inventory
