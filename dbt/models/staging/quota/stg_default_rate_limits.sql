-- Grain: one row per model variant, scope, source region and snapshot day; every version is
-- kept.
with

source as (
    {{ delivered('quota', 'quota_default_rate_limits') }}
),

cleaned as (
    select
        trim(model_variant) as model_variant,
        lower(trim(inference_scope)) as inference_scope,
        {{ text_or_unknown('source_region') }} as source_region,
        cast(snapshot_date as date) as snapshot_date,
        cast(requests_per_minute as bigint) as requests_per_minute,
        cast(tokens_per_minute as bigint) as tokens_per_minute,
        cast(tokens_per_day as bigint) as tokens_per_day,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['model_variant', 'inference_scope', 'source_region', 'snapshot_date'],
        tie_breakers=['requests_per_minute', 'tokens_per_minute', 'tokens_per_day']
    ) }}
),

final as (
    select
        *,
        {{ ratio('tokens_per_minute', 'requests_per_minute') }} as tokens_per_request_at_limit,
        {{ ratio('tokens_per_day', 'tokens_per_minute') }} as minutes_to_daily_limit
    from newest
)

select * from final
