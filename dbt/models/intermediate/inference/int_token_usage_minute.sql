-- Grain: one row per account, model variant, region, scope, traffic type and minute with a request.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    unique_key='usage_date',
    indexes=[{'columns': ['usage_date']}],
    meta={'follows': 'int_requests'},
) }}
with requests as (

    select * from {{ ref('int_requests') }}
    {%- if is_incremental() %}
    where requested_date in ({{ days_to_build() }})
    {%- endif %}

),

final as (

    select
        account_id,
        model_variant,
        source_region,
        inference_scope,
        traffic_type,
        requested_minute_at as usage_minute_at,
        requested_date as usage_date,
        count(*) as request_count,
        count(*) filter (where is_error) as error_count,
        count(*) filter (where is_throttled) as throttled_count,
        count(*) filter (where is_unavailable) as unavailable_count,
        cast(sum(input_tokens) as bigint) as input_tokens,
        cast(sum(output_tokens) as bigint) as output_tokens,
        cast(sum(cache_read_tokens) as bigint) as cache_read_tokens,
        cast(sum(cache_write_tokens) as bigint) as cache_write_tokens,
        cast(sum(total_tokens) as bigint) as total_tokens,
        cast(sum(latency_ms) as numeric(24, 6)) as latency_ms_sum,
        count(latency_ms) as latency_count,
        min(requested_at) filter (where not is_error) as first_success_at,
        max(loaded_at) as newest_loaded_at
    from requests
    group by
        account_id, model_variant, source_region, inference_scope, traffic_type,
        requested_minute_at, requested_date

)

select * from final
