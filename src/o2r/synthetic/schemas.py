"""Arrow schemas of the bronze tables that the simulator delivers.

They repeat the contracts in `dbt/models/staging/*/_sources.yml`; a test holds both equal.
"""

import pyarrow as pa

TEXT, FLAG, DAY = pa.string(), pa.bool_(), pa.date32()
INT, BIG, NUM = pa.int32(), pa.int64(), pa.decimal128(18, 6)
INSTANT, LOCAL = pa.timestamp("us", tz="UTC"), pa.timestamp("us")

TOKEN_CLASSES = ("input", "output", "cache_read", "cache_write")


def _schema(**groups: str) -> pa.Schema:
    """Schema from "name:kind" words in order; the default kind is text."""
    kinds = {
        "": TEXT,
        "flag": FLAG,
        "day": DAY,
        "int": INT,
        "big": BIG,
        "num": NUM,
        "at": INSTANT,
        "local": LOCAL,
    }
    words = " ".join(groups.values()).split()
    return pa.schema([(name, kinds[kind]) for name, _, kind in (w.partition(":") for w in words)])


_USAGE = _schema(
    who="request_id account_id api_name model_variant",
    tokens=" ".join(f"{name}_tokens:big" for name in TOKEN_CLASSES),
    where="source_region inference_region traffic_type inference_scope",
    what="latency_ms:num error_code event_timestamp:at local_timestamp:local",
)
_LIMITS = "requests_per_minute:big tokens_per_minute:big tokens_per_day:big"

SCHEMAS: dict[str, pa.Schema] = {
    "customer_details": _schema(
        who="account_id company account_name account_size employee_count:int segment plan_tier",
        contact="vertical owner email",
        where="city country is_active:flag cs_score:num is_fraud:flag",
        when="date_created:at date_updated:at data_source",
    ),
    "subscriptions": _schema(
        key="subscription_id event_timestamp:at crm_account_id crm_contact_id",
        what="plan_name plan_type mrr:num arr:num currency status",
        when="start_date:at renewal_date:at cancellation_date:at created_at:at",
    ),
    "invoices": _schema(
        key="invoice_id account_id invoice_date:day",
        what="amount:num currency status line_items last_updated:at",
    ),
    "revenue_account_daily": _schema(
        key="account_id product_sku model_variant inference_scope region billing_type",
        when="currency_code revenue_date:day snapshot_date:day",
        gross=" ".join(f"gross_revenue_{name}_tokens:num" for name in TOKEN_CLASSES),
        less="savings_plan_amount:num discount_amount:num",
    ),
    "inference_user_token_usage_open_source": _USAGE,
    "inference_user_token_usage_proprietary": _USAGE,
    "config_model_dimensions": _schema(
        key="model_variant snapshot_date:day publisher display_name resource_name",
        what="model_family variant version task inference_scope is_open_source:flag",
        size="replicas:int max_concurrency:int ideal_concurrency:int max_rps:num accelerator_type",
        design="accelerators_per_replica:int memory_gb:num endpoint tokens_per_second:num",
        means="avg_tokens_per_request:num avg_latency_seconds:num",
    ),
    "config_model_region_availability": _schema(
        key="model_variant source_region snapshot_date:day deployed_at:at",
        what="is_active:flag routing_strategy inference_region",
    ),
    "platform_incidents": _schema(
        key="incident_id started_at:at resolved_at:at severity component region",
        what="downtime_minutes:num last_updated:at",
    ),
    "support_tickets": _schema(
        key="ticket_id account_id created_at:at first_response_at:at resolved_at:at",
        what="priority category status channel reopen_count:int csat:num last_updated:at",
    ),
    "csat_responses": _schema(
        key="response_id account_id contact survey_type score:num answered_at:at",
    ),
    "resource_accelerator_inventory": _schema(
        key="odcr event_timestamp:at instance_type platform region",
        who="service_account consumer_account",
        what="total_instances:int idle_instances:int warmpool_instances:int used_instances:int",
    ),
    "resource_model_utilization": _schema(
        key="pod_id event_timestamp:at model_variant instance_type role",
        what="pod_max_concurrency:int actual_concurrency:int util_ratio:num region status",
    ),
    "resource_model_instance_allocation": _schema(
        key="model_variant region instance_type event_timestamp:at",
        what="used_instances:int warmpool_instances:int",
    ),
    "quota_default_rate_limits": _schema(
        key="model_variant inference_scope source_region snapshot_date:day", limits=_LIMITS
    ),
    "quota_customer_rate_limit_adjustments": _schema(
        key="account_id model_variant inference_scope source_region snapshot_date:day",
        limits=_LIMITS,
        why="reason ticket_link approver effective_date:day expiry_date:day",
    ),
    "quota_customer_rate_limit_requests": _schema(
        key="account_id model_variant inference_scope source_region create_datetime:at limit_type",
        limits=_LIMITS,
        what="status created_by last_updated:at",
    ),
    "product_usage_events": _schema(
        key="event_id event_timestamp:at product_user_id crm_contact_id crm_account_id event_type",
        what="feature_name session_duration_sec:big device_class browser country created_at:at",
    ),
    "onboarding_step_events": _schema(
        key="event_id account_id product_user_id journey step action error_code event_timestamp:at",
    ),
    "product_feature_releases": _schema(key="feature_name released_at:at"),
    "crm_contacts": _schema(
        key="crm_contact_id crm_account_id hem hphone email phone first_name last_name",
        who="job_role department seniority_level company_name company_size industry country",
        how="lead_source lead_medium lead_campaign deal_stage",
        consent="consent_marketing:flag consent_timestamp:at",
        when="created_at:at updated_at:at",
    ),
    "deal_stage_history": _schema(
        key="row_id event_timestamp:at crm_contact_id crm_account_id deal_id",
        what="old_stage new_stage deal_value:num currency created_at:at",
    ),
    "web_events": _schema(
        key="event_id event_timestamp:at fp_cookie_id hem crm_contact_id event_type page_url",
        how="utm_source utm_medium utm_campaign gclid gbraid wbraid",
        what="device_class browser country created_at:at",
    ),
    "customer_success_activities": _schema(
        key="activity_id account_id activity_type due_at:at done_at:at owner outcome",
    ),
    "metric_targets": _schema(key="metric valid_from:day target:num"),
    "health_levels": _schema(
        key="valid_from:day full_events_per_user_day:num",
        shares="full_active_days_pct:num full_feature_breadth_pct:num",
    ),
    "sla_targets": _schema(
        key="priority valid_from:day clock schedule first_response_hours:num resolution_hours:num",
    ),
}

EVENT_TIME = {
    "inference_user_token_usage_open_source": "event_timestamp",
    "inference_user_token_usage_proprietary": "event_timestamp",
    "product_usage_events": "event_timestamp",
}
"""High-volume event tables and the column that holds the instant of the event."""
