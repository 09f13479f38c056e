-- Grain: one row per contract, instant and status (subscription_id, event_at, status).
with

source as (
    {{ delivered('billing', 'subscriptions') }}
),

cleaned as (
    select
        trim(subscription_id) as subscription_id,
        {{ to_utc('event_timestamp') }} as event_at,
        trim(crm_account_id) as account_id,
        {{ text_or_unknown('plan_name') }} as plan_name,
        {{ text_or_unknown('lower(plan_type)') }} as plan_type,
        cast(
            coalesce(
                cast(mrr as numeric(18, 6)), cast(arr as numeric(18, 6)) / 12, 0
            ) as numeric(18, 6)
        ) as mrr_amount,
        nullif(upper(trim(currency)), '') as currency_code,
        lower(trim(status)) as status,
        {{ to_utc('start_date') }} as started_at,
        {{ to_utc('renewal_date') }} as renews_at,
        {{ to_utc('cancellation_date') }} as cancelled_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

ranked as (
    select
        *,
        {{ version_rank(
            key=['subscription_id', 'event_at', 'status'],
            newest=['loaded_at'],
            tie_breakers=[
                'account_id', 'plan_name', 'plan_type', 'mrr_amount', 'currency_code',
                'started_at', 'renews_at', 'cancelled_at',
            ]
        ) }} as version_rank
    from cleaned
),

final as (
    select
        subscription_id,
        event_at,
        account_id,
        plan_name,
        plan_type,
        mrr_amount,
        currency_code,
        status,
        started_at,
        renews_at,
        cancelled_at,
        loaded_at
    from ranked
    where version_rank = 1
)

select * from final
