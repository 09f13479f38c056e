-- Grain: one row per step event of a guided flow.
with

source as (
    {{ delivered('product', 'onboarding_step_events') }}
),

cleaned as (
    select
        trim(event_id) as event_id,
        trim(account_id) as account_id,
        nullif(trim(product_user_id), '') as product_user_id,
        trim(journey) as journey,
        trim(step) as step,
        lower(trim(action)) as action,
        nullif(trim(error_code), '') as error_code,
        {{ to_utc('event_timestamp') }} as occurred_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['event_id'],
        tie_breakers=[
            'account_id', 'product_user_id', 'journey', 'step', 'action', 'error_code',
            'occurred_at',
        ]
    ) }}
),

final as (
    select
        *,
        cast(occurred_at as date) as occurred_date
    from newest
)

select * from final
