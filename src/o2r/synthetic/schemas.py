"""Arrow schemas of the bronze tables that the simulator delivers, as their contracts say."""

from functools import cache

import pyarrow as pa

from o2r.contracts import DECIMAL, load_contracts
from o2r.settings import load_settings

TABLES = (
    *("customer_details", "crm_contacts", "deal_stage_history"),
    *("subscriptions", "invoices", "revenue_account_daily"),
    *("inference_user_token_usage_open_source", "inference_user_token_usage_proprietary"),
    *("config_model_dimensions", "config_model_region_availability", "platform_incidents"),
    *("resource_accelerator_inventory", "resource_model_utilization"),
    *("resource_model_instance_allocation", "quota_default_rate_limits"),
    *("quota_customer_rate_limit_adjustments", "quota_customer_rate_limit_requests"),
    *("support_tickets", "csat_responses", "customer_success_activities"),
    *("product_usage_events", "onboarding_step_events", "product_feature_releases", "web_events"),
    *("metric_targets", "health_levels", "sla_targets"),
    *("support_schedules", "support_hours", "support_holidays"),
    *("marketing_campaigns", "marketing_spend_daily", "marketing_email_events", "sales_activities"),
    *("account_members", "platform_applications", "success_plan_goals"),
    *("uptime_targets", "plan_prices"),
)
"""Bronze tables that have a file also where nothing happened."""

_TYPES = {
    "text": pa.string(),
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}


@cache
def schemas() -> dict[str, pa.Schema]:
    """Schemas of TABLES by name, the columns as in the contract."""
    contracts = load_contracts(load_settings().dbt_dir)
    return {
        name: pa.schema(
            [(column.name, _type(column.data_type)) for column in contracts[name].columns]
        )
        for name in TABLES
    }


def _type(data_type: str) -> pa.DataType:
    decimal = DECIMAL.fullmatch(data_type)
    return pa.decimal128(*map(int, decimal.groups())) if decimal else _TYPES[data_type]
