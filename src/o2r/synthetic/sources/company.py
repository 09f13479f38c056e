"""What the simulated company states of itself: its targets, its levels, its promises."""

from collections.abc import Iterator
from datetime import date

import pyarrow as pa

from o2r.synthetic.columns import table
from o2r.synthetic.world import World

SINCE = date(2000, 1, 1)
TARGETS = {
    "ytd_revenue": 20_000_000,
    "nrr_pct": 100,
    "grr_pct": 90,
    "logo_retention_pct": 90,
    "logo_churn_rate_pct": 1.5,
    "adoption_rate_pct": 70,
    "retention_rate_pct": 95,
    "usage_retention_rate_pct": 100,
    "cs_score": 90,
    "csat_response_score": 75,
    "time_to_value_p50_days": 14,
    "error_rate_pct": 1,
    "unavailable_rate_pct": 0.2,
    "latency_p50_ms": 500,
    "latency_p90_ms": 1_500,
    "latency_p99_ms": 5_000,
    "throttle_rate_pct": 0.5,
    "throttle_rate_top_decile_pct": 1,
    "uptime_pct": 99.9,
    "mttr_minutes": 60,
    "resource_utilization_p90_pct": 80,
    "resource_utilization_peak_pct": 80,
    "ticket_resolution_hours": 24,
    "sla_adherence_pct": 90,
    "first_response_adherence_pct": 90,
    "abandonment_rate_pct": 30,
}
PROMISES = {"p1": (1, 4), "p2": (4, 12), "p3": (8, 48), "p4": (24, 120)}
"""Hours to the first answer and to the resolution; those of the resolution are NovaCRM's."""
FULL_EVENTS_PER_USER_DAY, FULL_ACTIVE_DAYS_PCT, FULL_FEATURE_BREADTH_PCT = 1, 90, 80


def deliver(_world: World) -> Iterator[tuple[str, pa.Table]]:
    """Statements that hold for all time."""
    yield (
        "metric_targets",
        table(
            "metric_targets",
            len(TARGETS),
            metric=list(TARGETS),
            valid_from=[SINCE] * len(TARGETS),
            target=list(TARGETS.values()),
        ),
    )
    yield (
        "health_levels",
        table(
            "health_levels",
            1,
            valid_from=[SINCE],
            full_events_per_user_day=[FULL_EVENTS_PER_USER_DAY],
            full_active_days_pct=[FULL_ACTIVE_DAYS_PCT],
            full_feature_breadth_pct=[FULL_FEATURE_BREADTH_PCT],
        ),
    )
    yield (
        "sla_targets",
        table(
            "sla_targets",
            len(PROMISES),
            priority=list(PROMISES),
            valid_from=[SINCE] * len(PROMISES),
            clock="calendar",
            schedule="standard",
            first_response_hours=[first for first, _ in PROMISES.values()],
            resolution_hours=[resolved for _, resolved in PROMISES.values()],
        ),
    )
