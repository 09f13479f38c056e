"""The platform team: incidents, model configuration, where models run."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from o2r.synthetic.catalog import (
    MODELS,
    NOT_OFFERED,
    REGIONS,
    SCOPES,
    SUCCESSORS,
    inference_region,
)
from o2r.synthetic.columns import MICROS_PER_DAY, number_ids, pick, table
from o2r.synthetic.shocks import OUTAGE
from o2r.synthetic.world import World

COMPONENTS = ("deployment", "network", "capacity", "gateway")
"""Component by kind of incident (`shocks.KINDS`)."""
SEVERITIES = ("sev1", "sev2", "sev3", "sev4")
PUBLISHER = "Halcyon Models"
MEMORY_GB = {"mesh-40": 40.0, "mesh-80": 80.0}


def _incidents(world: World) -> pa.Table:
    """Two rows per incident, when it starts and when it is resolved, ordered by incident."""
    incidents, timeline = world.incidents, world.timeline
    rng = world.rng("incidents")
    seen = np.flatnonzero(
        (incidents.start >= timeline.money_start * MICROS_PER_DAY)
        & (incidents.start < timeline.end_micros)
    )
    severe = np.choose(incidents.kind[seen], [1, 2, 1, 0]) + (rng.random(len(seen)) < 0.5)
    number = np.repeat(np.arange(len(seen)), 2)
    closing = np.tile([False, True], len(seen))
    kept = ~closing | (incidents.end[seen][number] < timeline.end_micros)
    number, closing = number[kept], closing[kept]
    index = seen[number]
    start = incidents.start[index].view("datetime64[us]")
    end = incidents.end[index].view("datetime64[us]")
    minutes = (incidents.end - incidents.start)[index] / 60e6
    down = np.where(incidents.kind[index] == OUTAGE, minutes, 0.0)
    return table(
        "platform_incidents",
        len(index),
        incident_id=number_ids("inc-", number + 1, 4),
        started_at=start,
        resolved_at=np.where(closing, end, np.datetime64("NaT")),
        severity=pick(SEVERITIES, severe[number]),
        component=pick(COMPONENTS, incidents.kind[index]),
        region=pick(REGIONS, incidents.region[index]),
        downtime_minutes=np.where(closing, down, np.nan),
        last_updated=np.where(closing, end, start),
    )


def snapshot_days(world: World) -> list[int]:
    """Day numbers of the two configuration snapshots: with the first revenue and mid-window."""
    timeline = world.timeline
    return [timeline.money_start, (timeline.window_start + timeline.end) // 2]


def _models(world: World) -> pa.Table:
    """Specification of each model at both snapshots; the second one has more replicas."""
    rows = [(m, day, extra) for extra, day in enumerate(snapshot_days(world)) for m in MODELS]
    rows.sort(key=lambda row: (row[0].name, row[1]))
    models = [row[0] for row in rows]
    replicas = np.array([m.replicas + 2 * extra for m, _, extra in rows])
    concurrency = np.array([m.max_concurrency for m in models])
    seconds = np.array([m.latency_ms for m in models]) / 1000.0
    design_tokens = np.array([40_000.0 if m.task == "embedding" else 120_000.0 for m in models])
    return table(
        "config_model_dimensions",
        len(rows),
        model_variant=[m.name for m in models],
        snapshot_date=np.array([day for _, day, _ in rows], "datetime64[D]"),
        publisher=PUBLISHER,
        display_name=[m.name.replace("-", " ").title() for m in models],
        resource_name=[f"models/{m.family}/{m.variant}" for m in models],
        model_family=[m.family for m in models],
        variant=[m.variant for m in models],
        version=[m.version for m in models],
        task=[m.task for m in models],
        inference_scope=SCOPES[1],
        is_open_source=[m.is_open_source for m in models],
        replicas=replicas,
        max_concurrency=concurrency,
        ideal_concurrency=concurrency * 3 // 4,
        max_rps=np.round(concurrency / seconds, 2),
        accelerator_type=[m.accelerator for m in models],
        accelerators_per_replica=[4 if m.accelerator == "mesh-80" else 2 for m in models],
        memory_gb=[MEMORY_GB[m.accelerator] for m in models],
        endpoint=[f"https://api.example.com/v1/{m.api_name}/{m.name}" for m in models],
        tokens_per_second=np.round(design_tokens / seconds, 1),
        avg_tokens_per_request=design_tokens,
        avg_latency_seconds=seconds,
        successor=[SUCCESSORS.get(m.name) for m in models],
    )


def _availability(world: World) -> pa.Table:
    """Regions of each model at both snapshots."""
    snapshots = snapshot_days(world)
    rows = [(m, r, day) for m in MODELS for r in REGIONS for day in snapshots]
    routes = [inference_region(m.name, r) for m, r, _ in rows]
    is_local = [route == row[1] for route, row in zip(routes, rows, strict=True)]
    deployed = np.array([snapshots[0] - 200 + 11 * MODELS.index(m) for m, _, _ in rows])
    return table(
        "config_model_region_availability",
        len(rows),
        model_variant=[m.name for m, _, _ in rows],
        source_region=[r for _, r, _ in rows],
        snapshot_date=np.array([day for _, _, day in rows], "datetime64[D]"),
        deployed_at=(deployed * MICROS_PER_DAY).view("datetime64[us]"),
        is_active=[(m.name, r) not in NOT_OFFERED for m, r, _ in rows],
        routing_strategy=["local" if local else "cross-region" for local in is_local],
        inference_region=routes,
    )


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Incidents since the first day of revenue; configuration as two snapshots."""
    yield "platform_incidents", _incidents(world)
    yield "config_model_dimensions", _models(world)
    yield "config_model_region_availability", _availability(world)
