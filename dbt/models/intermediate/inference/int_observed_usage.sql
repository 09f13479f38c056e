-- Grain: one row per account, model variant, region, scope, traffic type and day with a request, up
-- to the as-of day.
{{ config(materialized='ephemeral') }}
{# The one place that says which usage a mart may count: nothing later than the as-of day. #}
select
    usage.account_id,
    usage.model_variant,
    usage.source_region,
    usage.inference_scope,
    usage.traffic_type,
    usage.usage_date,
    usage.request_count,
    usage.error_count,
    usage.throttled_count,
    usage.unavailable_count,
    usage.input_tokens,
    usage.output_tokens,
    usage.cache_read_tokens,
    usage.cache_write_tokens,
    usage.total_tokens,
    usage.latency_ms_sum,
    usage.latency_count,
    usage.first_success_at
from {{ ref('int_token_usage_daily') }} as usage
inner join {{ ref('int_as_of') }} as as_of
    on usage.usage_date <= as_of.as_of_date
