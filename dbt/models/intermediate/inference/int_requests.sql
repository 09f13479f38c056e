-- Grain: one row per request of either token-usage feed.
with open_source as (

    select * from {{ ref('stg_requests_open_source') }}

),

proprietary as (

    select * from {{ ref('stg_requests_proprietary') }}

),

unioned as (

    select
        'open_source' as feed,
        open_source.*
    from open_source

    union all

    select
        'proprietary' as feed,
        proprietary.*
    from proprietary

),

final as (

    select
        feed,
        request_id,
        {{ text_or_unknown('account_id') }} as account_id,
        {{ text_or_unknown('model_variant') }} as model_variant,
        {{ text_or_unknown('source_region') }} as source_region,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        total_tokens,
        latency_ms,
        is_error,
        is_throttled,
        is_unavailable,
        requested_at,
        requested_date,
        loaded_at
    from unioned

)

select * from final
