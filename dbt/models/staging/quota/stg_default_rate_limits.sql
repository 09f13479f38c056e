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

ranked as (
    select
        *,
        {{ version_rank(
            key=['model_variant', 'inference_scope', 'source_region', 'snapshot_date'],
            newest=['loaded_at'],
            tie_breakers=['requests_per_minute', 'tokens_per_minute', 'tokens_per_day']
        ) }} as version_rank
    from cleaned
),

final as (
    select
        model_variant,
        inference_scope,
        source_region,
        snapshot_date,
        requests_per_minute,
        tokens_per_minute,
        tokens_per_day,
        {{ ratio('tokens_per_minute', 'requests_per_minute') }} as tokens_per_request_at_limit,
        {{ ratio('tokens_per_day', 'tokens_per_minute') }} as minutes_to_daily_limit,
        loaded_at
    from ranked
    where version_rank = 1
)

select * from final
