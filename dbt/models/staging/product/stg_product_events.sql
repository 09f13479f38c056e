-- Grain: one row per delivered version of a product event.
{# The latest version of an event is found by int_product_events, only for the days that changed. #}
with

source as (
    {{ delivered('product', 'product_usage_events') }}
),

cleaned as (
    select
        -- Compared as delivered, as by the loader and by what notes the days of other versions.
        event_id,
        {{ to_utc('event_timestamp') }} as occurred_at,
        nullif(trim(product_user_id), '') as product_user_id,
        nullif(trim(crm_contact_id), '') as crm_contact_id,
        nullif(trim(crm_account_id), '') as account_id,
        lower(trim(event_type)) as event_type,
        nullif(trim(feature_name), '') as feature_name,
        cast(session_duration_sec as bigint) as session_duration_seconds,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

final as (
    select
        event_id,
        occurred_at,
        cast(occurred_at as date) as occurred_date,
        product_user_id,
        crm_contact_id,
        account_id,
        event_type,
        feature_name,
        session_duration_seconds,
        loaded_at
    from cleaned
)

select * from final
