-- Grain: one row per request of either token-usage feed, latest version.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    unique_key='requested_date',
    indexes=[{'columns': ['requested_date']}],
    post_hook="{{ index_moved(['feed', 'request_id']) }}",
    meta={'follows_tables': [
        'inference_user_token_usage_open_source', 'inference_user_token_usage_proprietary'
    ]},
) }}
with versions as (

    select
        'open_source' as feed,
        open_source.*
    from {{ ref('stg_requests_open_source') }} as open_source

    union all

    select
        'proprietary' as feed,
        proprietary.*
    from {{ ref('stg_requests_proprietary') }} as proprietary

),

latest as (

    {{ latest_versions(
        'versions',
        key=['feed', 'request_id'],
        day='requested_date',
        tie_breakers=[
            'requested_at', 'account_id', 'api_name', 'model_variant', 'input_tokens',
            'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'source_region',
            'inference_region', 'traffic_type', 'inference_scope', 'latency_ms', 'error_code',
        ]
    ) }}

),

final as (

    select
        feed,
        request_id,
        account_id,
        api_name,
        model_variant,
        source_region,
        inference_scope,
        traffic_type,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        total_tokens,
        latency_ms,
        is_error,
        is_throttled,
        is_unavailable,
        first_date,
        last_date,
        requested_at,
        requested_minute_at,
        requested_date,
        loaded_at
    from latest

)

select * from final
