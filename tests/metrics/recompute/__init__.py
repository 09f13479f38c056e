"""Every O2R metric once more, in pandas, from the bronze rows and the text of the definitions.

Independent of the dbt project: nothing here reads silver or gold, and the shape of the computation
is another one (account tables and interval lists in memory instead of SQL joins). The result of
`recompute` has the columns KEYS, value, numerator and denominator (NaN where a metric has none).
Amounts are floats here; gold keeps six decimals.
"""

from collections.abc import Callable

import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.customer import adoption, retention, satisfaction, signups
from tests.metrics.recompute.depth import integration_depth
from tests.metrics.recompute.engagement import engagement_of_accounts
from tests.metrics.recompute.expansion import (
    applications,
    perceived_roi,
    plan_outcomes,
    promised_uptime,
    teams,
)
from tests.metrics.recompute.features import feature_adoption, feature_releases
from tests.metrics.recompute.go_to_market import (
    acquisition,
    closed_deals,
    leads,
    promoters,
    visitors,
)
from tests.metrics.recompute.growth import growth
from tests.metrics.recompute.marketing import cost_of_leads, emails, outreach
from tests.metrics.recompute.onboarding import onboarding
from tests.metrics.recompute.prices import price_sensitivity
from tests.metrics.recompute.product import (
    abandonment,
    availability,
    engagement,
    requests,
    throttling_of_the_busiest,
    tickets,
    time_to_value,
    utilisation,
)
from tests.metrics.recompute.revenue import recurring, revenue
from tests.metrics.recompute.success import (
    cs_engagement,
    health_summary,
    renewals,
    support_experience,
)
from tests.metrics.recompute.support import service_levels
from tests.metrics.recompute.tables import Metrics
from tests.metrics.recompute.tiers import several_models, tier_adoption, tier_upgrades
from tests.metrics.recompute.upgrades import higher_margins, migration

METRICS: tuple[Callable[[Company], Metrics], ...] = (
    revenue,
    recurring,
    signups,
    adoption,
    retention,
    satisfaction,
    time_to_value,
    requests,
    throttling_of_the_busiest,
    availability,
    utilisation,
    tickets,
    service_levels,
    engagement,
    abandonment,
    support_experience,
    health_summary,
    cs_engagement,
    renewals,
    acquisition,
    leads,
    closed_deals,
    promoters,
    visitors,
    emails,
    outreach,
    cost_of_leads,
    *(perceived_roi, promised_uptime, teams, applications, plan_outcomes),
    *(migration, higher_margins, price_sensitivity),
    growth,
    tier_adoption,
    tier_upgrades,
    several_models,
    engagement_of_accounts,
    feature_adoption,
    feature_releases,
    onboarding,
    integration_depth,
)


def recompute(company: "Company") -> pd.DataFrame:
    """All metrics of a company, with the project's default variables."""
    parts = [part for compute in METRICS for part in compute(company)]
    result = pd.concat(parts, ignore_index=True)
    return result[result["value"].notna()].reset_index(drop=True)
