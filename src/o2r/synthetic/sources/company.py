"""What the simulated company states of itself: its targets, its levels, its promises."""

from collections.abc import Iterator
from datetime import date, timedelta

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
    "account_activation_rate_pct": 80,
    "signup_to_first_payment_days": 14,
    "account_health_score": 70,
    "qbr_completion_rate_pct": 90,
    "renewal_rate_pct": 90,
    "at_risk_accounts": 10,
    "escalation_resolution_rate_pct": 80,
    "email_conversion_rate_pct": 5,
    "blog_to_signup_rate_pct": 5,
    "event_lead_conversion_rate_pct": 20,
    "cost_per_lead": 250,
    "lead_qualification_rate_pct": 20,
    "outreach_response_rate_pct": 30,
    "pipeline_to_close_rate_pct": 25,
    "sales_cycle_days": 30,
    "referral_rate_pct": 10,
    "nps": 30,
    "organic_to_signup_rate_pct": 5,
    "feature_adoption_rate_pct": 60,
    "journey_completion_rate_pct": 75,
    "product_engagement_score": 65,
    "time_in_product_hours": 1,
    "onboarding_error_rate_pct": 1,
    "onboarding_uptime_pct": 99.9,
    "onboarding_latency_p50_ms": 500,
    "onboarding_latency_p90_ms": 1_500,
    "first_contact_resolution_rate_pct": 80,
    "support_satisfaction_score": 75,
    "feature_release_velocity": 2,
    "post_release_adoption_rate_pct": 20,
    "integration_depth_score": 40,
    "api_call_growth_pct": 2,
    "tier_upgrade_rate_pct": 1,
    "multi_model_adoption_rate_pct": 60,
    "tickets_per_account": 0.4,
    "escalation_rate_pct": 8,
    "new_use_cases_per_account": 0.5,
    "workflow_expansion_rate_pct": 30,
    "application_build_rate_pct": 5,
    "teams_per_account": 2,
    "cross_team_adoption_rate_pct": 50,
    "internal_user_growth_pct": 1,
    "model_migration_rate_pct": 2,
    "higher_margin_model_adoption_rate_pct": 70,
    "token_growth_per_account_pct": 2,
    "uptime_sla_adherence_pct": 95,
    "health_check_frequency": 2,
    "proactive_outreach_rate_pct": 50,
    "escalation_response_hours": 48,
    "customer_reported_roi_score": 70,
    "outcome_achievement_rate_pct": 60,
}
PROMISES = {"p1": (1, 4), "p2": (4, 12), "p3": (8, 48), "p4": (24, 120)}
"""Hours to the first answer and to the resolution; those of the resolution are NovaCRM's."""
SCHEDULE, TIME_ZONE = "standard", "America/New_York"
OPENS, CLOSES, WORKDAYS = 9 * 60, 17 * 60, (1, 2, 3, 4, 5)
"""Minutes of the local day, and days of the week."""
MONDAY, THURSDAY = 1, 4
YEARS = range(2024, 2029)
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
            schedule=SCHEDULE,
            first_response_hours=[first for first, _ in PROMISES.values()],
            resolution_hours=[resolved for _, resolved in PROMISES.values()],
        ),
    )
    yield "support_schedules", table("support_schedules", 1, schedule=SCHEDULE, time_zone=TIME_ZONE)
    yield (
        "support_hours",
        table(
            "support_hours",
            len(WORKDAYS),
            schedule=SCHEDULE,
            weekday=list(WORKDAYS),
            valid_from=[SINCE] * len(WORKDAYS),
            opens_minute=[OPENS] * len(WORKDAYS),
            closes_minute=[CLOSES] * len(WORKDAYS),
        ),
    )
    closed = [one for year in YEARS for one in holidays(year)]
    yield (
        "support_holidays",
        table(
            "support_holidays",
            len(closed),
            schedule=SCHEDULE,
            holiday_date=[day for day, _ in closed],
            holiday_name=[name for _, name in closed],
        ),
    )


def holidays(year: int) -> list[tuple[date, str]]:
    """Days on which support is closed, by name."""
    return [
        (date(year, 1, 1), "New Year's Day"),
        (_on_or_before(date(year, 5, 31), MONDAY), "Memorial Day"),
        (date(year, 7, 4), "Independence Day"),
        (_on_or_before(date(year, 9, 7), MONDAY), "Labor Day"),
        (_on_or_before(date(year, 11, 28), THURSDAY), "Thanksgiving Day"),
        (date(year, 12, 25), "Christmas Day"),
    ]


def _on_or_before(day: date, weekday: int) -> date:
    """The last such weekday, 1 Monday to 7 Sunday, up to and with the day."""
    return day - timedelta(days=(day.isoweekday() - weekday) % 7)
