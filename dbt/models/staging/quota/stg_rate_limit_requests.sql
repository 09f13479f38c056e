-- Grain: one row per request of an account for another limit (account, model variant, scope,
-- source region, requested_at), latest version.
with

source as (
    select * from {{ source('quota', 'quota_customer_rate_limit_requests') }}
),

cleaned as (
    select
        trim(account_id) as account_id,
        trim(model_variant) as model_variant,
        lower(trim(inference_scope)) as inference_scope,
        {{ text_or_unknown('source_region') }} as source_region,
        {{ to_utc('create_datetime') }} as requested_at,
        {{ text_or_unknown('lower(limit_type)') }} as limit_type,
        cast(requests_per_minute as bigint) as requests_per_minute,
        cast(tokens_per_minute as bigint) as tokens_per_minute,
        cast(tokens_per_day as bigint) as tokens_per_day,
        lower(trim(status)) as status,
        {{ email_sha256('created_by') }} as created_by_sha256,
        {{ to_utc('last_updated') }} as updated_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

ranked as (
    select
        *,
        {{ version_rank(
            key=[
                'account_id', 'model_variant', 'inference_scope', 'source_region',
                'requested_at',
            ],
            newest=['updated_at', 'loaded_at'],
            tie_breakers=[
                'limit_type', 'requests_per_minute', 'tokens_per_minute', 'tokens_per_day',
                'status', 'created_by_sha256',
            ]
        ) }} as version_rank
    from cleaned
),

final as (
    select
        account_id,
        model_variant,
        inference_scope,
        source_region,
        requested_at,
        limit_type,
        requests_per_minute,
        tokens_per_minute,
        tokens_per_day,
        status,
        created_by_sha256,
        updated_at,
        loaded_at
    from ranked
    where version_rank = 1
)

select * from final
