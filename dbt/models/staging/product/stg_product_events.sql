-- Grain: one row per product event.
with

source as (
    select * from {{ source('product', 'product_usage_events') }}
),

cleaned as (
    select
        trim(event_id) as event_id,
        {{ to_utc('event_timestamp') }} as occurred_at,
        nullif(trim(product_user_id), '') as product_user_id,
        nullif(trim(crm_contact_id), '') as contact_id,
        nullif(trim(crm_account_id), '') as account_id,
        lower(trim(event_type)) as event_type,
        nullif(trim(feature_name), '') as feature_name,
        cast(session_duration_sec as bigint) as session_duration_seconds,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

ranked as (
    select
        *,
        {{ version_rank(
            key=['event_id'],
            newest=['loaded_at'],
            tie_breakers=[
                'occurred_at', 'product_user_id', 'contact_id', 'account_id', 'event_type',
                'feature_name', 'session_duration_seconds',
            ]
        ) }} as version_rank
    from cleaned
),

final as (
    select
        event_id,
        occurred_at,
        cast(occurred_at as date) as occurred_date,
        product_user_id,
        contact_id,
        account_id,
        event_type,
        feature_name,
        session_duration_seconds,
        loaded_at
    from ranked
    where version_rank = 1
)

select * from final
