"""The settings of a company: names, types, limits, and what holds between them.

Their defaults are variables of `dbt_project.yml`, which no company has stated.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

NO_TIME_ZONE = (
    "only UTC: every day, week and month of silver and gold is one of UTC, since events are "
    "counted once, into days that never change; opening hours are local, by support_schedules"
)

Day = Annotated[str, BeforeValidator(lambda value: _day(value))]
Count = Annotated[int, Field(strict=True, ge=1, le=100_000)]
Days = Annotated[int, Field(strict=True, ge=1, le=3_660)]
Number = Annotated[int | float, BeforeValidator(lambda value: _number(value))]
Percent = Annotated[Number, Field(ge=0, le=100)]
Points = Annotated[Number, Field(ge=0, le=100)]
Amount = Annotated[Number, Field(ge=0, le=100_000_000_000)]


class Part(BaseModel):
    """A group of numbers that is stated as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SupportPoints(Part):
    """Points that support loses."""

    open_ticket: Points
    escalation: Points
    sla_breach: Points
    rating_below_4: Points


class RevenuePoints(Part):
    """Points that revenue has, gains and loses."""

    unchanged: Points
    growth_pct: Points
    contraction_pct: Points
    overdue: Points


class HealthTiers(Part):
    """Least score of each tier; less is critical."""

    champion: Percent
    healthy: Percent
    neutral: Percent
    at_risk: Percent


class RevenueTiers(Part):
    """Least monthly net revenue of each tier; less is low."""

    medium: Amount
    high: Amount
    top: Amount


class AudienceSizes(Part):
    """Least number of reachable people by platform."""

    google: Count
    meta: Count


def _said(words: str, unit: str = "", **limits: Any) -> Any:
    return Field(description=words, json_schema_extra={"unit": unit}, **limits)


class CompanySettings(BaseModel):
    """All settings of one company, stated or by default; `unit` and words for people.

    Validate with a context: `currencies` that have a rate of exchange, and bronze `tables`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reporting_currency: str = _said("Every amount is converted to this currency", "ISO 4217")
    fiscal_year_start_month: int = _said(
        "First month of the fiscal year", "month", strict=True, ge=1, le=12
    )
    time_zone: str = _said("Zone whose days are counted", "zone")
    as_of_date: Day | None = _said("Build as of this day, not of the newest complete one", "date")
    retired_feeds: list[str] = _said("Bronze tables that are never delivered again", "tables")

    enterprise_above_employees: Count = _said(
        "More employees make the segment enterprise, where the CRM names none", "employees"
    )
    mid_market_above_employees: Count = _said(
        "More employees make the segment mid_market, where the CRM names none", "employees"
    )
    sign_of_life_days: Days = _said(
        "An account counts as a customer after a sign of life, where the CRM does not say", "days"
    )
    onboarding_max_days: Days = _said("Since the sign-up, an account is onboarding", "days")
    growing_max_days: Days = _said("Since the sign-up, an account is growing", "days")
    adoption_token_threshold: Annotated[int, Field(strict=True, ge=1)] = _said(
        "Use within 91 days of the sign-up from which an account has adopted", "tokens"
    )
    cohort_min_accounts: Count = _said("Smaller cohorts are marked as small", "accounts")
    revenue_tier_thresholds: RevenueTiers = _said(
        "Least monthly net revenue of each revenue tier", "reporting currency"
    )
    pipeline_min_closed_deals: Count = _said("Fewer closed deals forecast nothing", "deals")

    health_min_observed_days: Days = _said("Known days before a component is measured", "days")
    health_min_coverage_pct: Percent = _said(
        "Weight of the measured components below which there is no score", "%"
    )
    health_support_points: SupportPoints = _said("What support loses", "points")
    health_revenue_points: RevenuePoints = _said("What revenue has, gains and loses", "points")
    health_reason_min_points: Points = _said("Lost points from which a reason is named", "points")
    health_tiers: HealthTiers = _said("Least score of each health tier", "score")

    risk_low_health_below: Percent = _said("A lower health score is low", "score")
    risk_usage_decline_pct: Percent = _said("Fewer events in 30 days are a decline", "%")
    risk_usage_min_events: Count = _said("Events before, without which nothing declines", "events")
    risk_renewal_near_days: Days = _said("A renewal is near", "days")
    risk_max_days_without_touch: Days = _said("A contact by customer success is due", "days")
    satisfaction_watch_below: Percent = _said("A lower satisfaction score needs a call", "score")

    utilization_review_pct: Percent = _said("Utilisation (p90) to review capacity at", "%")
    utilization_critical_pct: Percent = _said("Utilisation (p90) without room for a spike", "%")
    overprovisioned_below_pct: Percent = _said("Utilisation (p90) of too many instances", "%")
    warmpool_review_pct: Percent = _said("Warm pool of the allocation that is too large", "%")
    throttle_review_pct: Percent = _said("Throttled requests that put revenue at risk", "%")
    quota_near_limit_pct: Percent = _said("Use of a rate limit that is near it", "%")
    idle_threshold_hours: Count = _said("Idle instances are flagged", "hours")

    win_back_max_days: Days = _said("After the last contract, a customer is to be won back", "days")
    onboarding_stalled_days: Days = _said("Without a success, an account has stalled", "days")
    audience_min_people: AudienceSizes = _said("Smaller audiences are too small", "people")

    @field_validator("reporting_currency")
    @classmethod
    def _has_rates(cls, value: str, info: ValidationInfo) -> str:
        known = info.context["currencies"]
        if value not in known:
            raise ValueError(f"seeds/exchange_rates.csv has {', '.join(known)}")
        return value

    @field_validator("time_zone")
    @classmethod
    def _is_utc(cls, value: str) -> str:
        if value != "UTC":
            raise ValueError(NO_TIME_ZONE)
        return value

    @field_validator("retired_feeds")
    @classmethod
    def _are_tables(cls, value: list[str], info: ValidationInfo) -> list[str]:
        if unknown := sorted(set(value) - set(info.context["tables"])):
            raise ValueError(f"no bronze table {unknown[0]}")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> CompanySettings:
        tiers, revenue = self.health_tiers, self.revenue_tier_thresholds
        for names, values in (
            ("health_tiers: at_risk, neutral, healthy, champion",
             (tiers.at_risk, tiers.neutral, tiers.healthy, tiers.champion)),
            ("revenue_tier_thresholds: medium, high, top",
             (revenue.medium, revenue.high, revenue.top)),
            ("onboarding_max_days, growing_max_days",
             (self.onboarding_max_days, self.growing_max_days)),
            ("mid_market_above_employees, enterprise_above_employees",
             (self.mid_market_above_employees, self.enterprise_above_employees)),
            ("utilization_review_pct, utilization_critical_pct",
             (self.utilization_review_pct, self.utilization_critical_pct)),
        ):  # fmt: skip
            if any(low >= high for low, high in pairwise(values)):
                raise ValueError(f"{names}: must rise, not {', '.join(map(str, values))}")
        return self


def _day(value: Any) -> Any:
    """A day as ISO 8601, as YAML or a person writes it."""
    if isinstance(value, date):
        return value.isoformat()[:10]
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise ValueError("must be a day such as 2025-10-01") from None


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    return value
