-- Grain: one row per account, model variant, scope, source region and snapshot day; every
-- version is kept.
with

source as (
    {{ delivered('quota', 'quota_customer_rate_limit_adjustments') }}
),

cleaned as (
    select
        trim(account_id) as account_id,
        trim(model_variant) as model_variant,
        lower(trim(inference_scope)) as inference_scope,
        {{ text_or_unknown('source_region') }} as source_region,
        cast(snapshot_date as date) as snapshot_date,
        cast(requests_per_minute as bigint) as requests_per_minute,
        cast(tokens_per_minute as bigint) as tokens_per_minute,
        cast(tokens_per_day as bigint) as tokens_per_day,
        nullif(trim(reason), '') as reason,
        nullif(trim(ticket_link), '') as ticket_link,
        nullif(trim(approver), '') as approver,
        cast(effective_date as date) as effective_date,
        cast(expiry_date as date) as expiry_date,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=[
            'account_id', 'model_variant', 'inference_scope', 'source_region',
            'snapshot_date',
        ],
        tie_breakers=[
            'requests_per_minute', 'tokens_per_minute', 'tokens_per_day', 'reason',
            'ticket_link', 'approver', 'effective_date', 'expiry_date',
        ]
    ) }}
),

final as (
    select
        *,
        {{ ratio('tokens_per_minute', 'requests_per_minute') }} as tokens_per_request_at_limit,
        {{ ratio('tokens_per_day', 'tokens_per_minute') }} as minutes_to_daily_limit,
        -- In force on day d: valid_from_date <= d < valid_to_date. Without an effective date it is
        -- known from the first snapshot that has it.
        coalesce(
            effective_date,
            min(snapshot_date) over (
                partition by
                    account_id, model_variant, inference_scope, source_region, effective_date
            )
        ) as valid_from_date,
        coalesce(expiry_date, cast('9999-12-31' as date)) as valid_to_date
    from newest
)

select * from final
