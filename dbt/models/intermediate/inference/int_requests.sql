-- Grain: one row per request of either token-usage feed, latest version.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    unique_key='requested_date',
    indexes=[{'columns': ['requested_date']}],
    post_hook="{{ index_moved_requests() }}",
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

{%- if is_incremental() %}

candidates as (

    select * from versions
    where requested_date in ({{ days_to_build() }})

),

-- Requests that a correction has moved from one day to another; the days of their versions as far
-- as they are not read again.
moved as (

    select
        feed,
        request_id,
        requested_date,
        case when first_date not in ({{ days_to_build() }}) then first_date end as first_date,
        case when last_date not in ({{ days_to_build() }}) then last_date end as last_date
    from {{ this }}
    where first_date <> last_date

),

{%- else %}

candidates as (

    select * from versions

),

moved as (

    select
        feed,
        request_id,
        requested_date,
        requested_date as first_date,
        requested_date as last_date
    from candidates
    where false

),

{%- endif %}

ranked as (

    select
        *,
        min(requested_date) over (partition by feed, request_id) as first_date,
        max(requested_date) over (partition by feed, request_id) as last_date,
        {{ version_rank(
            key=['feed', 'request_id'],
            newest=['loaded_at'],
            tie_breakers=[
                'requested_at', 'account_id', 'api_name', 'model_variant', 'input_tokens',
                'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'source_region',
                'inference_region', 'traffic_type', 'inference_scope', 'latency_ms', 'error_code',
            ]
        ) }} as version_rank
    from candidates

),

final as (

    select
        ranked.feed,
        ranked.request_id,
        ranked.account_id,
        ranked.model_variant,
        ranked.source_region,
        ranked.inference_scope,
        ranked.traffic_type,
        ranked.input_tokens,
        ranked.output_tokens,
        ranked.cache_read_tokens,
        ranked.cache_write_tokens,
        ranked.total_tokens,
        ranked.latency_ms,
        ranked.is_error,
        ranked.is_throttled,
        ranked.is_unavailable,
        least(ranked.first_date, moved.first_date) as first_date,
        greatest(ranked.last_date, moved.last_date) as last_date,
        ranked.requested_at,
        ranked.requested_minute_at,
        ranked.requested_date,
        ranked.loaded_at
    from ranked
    left join moved
        on
            ranked.feed = moved.feed
            and ranked.request_id = moved.request_id
    where
        ranked.version_rank = 1
        {%- if is_incremental() %}
        -- What a correction took away stays away while its new day is not rebuilt.
        and coalesce(moved.requested_date in ({{ days_to_build() }}), true)
        {%- endif %}

)

select * from final
