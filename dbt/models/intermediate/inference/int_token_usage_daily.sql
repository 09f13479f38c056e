-- Grain: one row per account, model variant, region, scope, traffic type and day with a request.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    unique_key='usage_date',
    indexes=[{'columns': ['usage_date']}],
    meta={'follows': 'int_token_usage_minute'},
) }}
with minutes as (

    select * from {{ ref('int_token_usage_minute') }}
    {%- if is_incremental() %}
    where usage_date in ({{ days_to_build() }})
    {%- endif %}

),

final as (

    select
        account_id,
        model_variant,
        source_region,
        inference_scope,
        traffic_type,
        usage_date,
        cast(sum(request_count) as bigint) as request_count,
        cast(sum(error_count) as bigint) as error_count,
        cast(sum(throttled_count) as bigint) as throttled_count,
        cast(sum(unavailable_count) as bigint) as unavailable_count,
        cast(sum(input_tokens) as bigint) as input_tokens,
        cast(sum(output_tokens) as bigint) as output_tokens,
        cast(sum(cache_read_tokens) as bigint) as cache_read_tokens,
        cast(sum(cache_write_tokens) as bigint) as cache_write_tokens,
        cast(sum(total_tokens) as bigint) as total_tokens,
        cast(sum(latency_ms_sum) as numeric(24, 6)) as latency_ms_sum,
        cast(sum(latency_count) as bigint) as latency_count,
        min(first_success_at) as first_success_at,
        max(newest_loaded_at) as newest_loaded_at
    from minutes
    group by
        account_id, model_variant, source_region, inference_scope, traffic_type, usage_date

)

select * from final
