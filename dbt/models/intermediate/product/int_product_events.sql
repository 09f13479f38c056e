-- Grain: one row per product event, latest version.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    unique_key='occurred_date',
    indexes=[{'columns': ['occurred_date']}],
    post_hook="{{ index_moved(['event_id']) }}",
    meta={'follows_tables': ['product_usage_events']},
) }}
with versions as (select * from {{ ref('stg_product_events') }}),

latest as (

    {{ latest_versions(
        'versions',
        key=['event_id'],
        day='occurred_date',
        tie_breakers=[
            'occurred_at', 'product_user_id', 'crm_contact_id', 'account_id', 'event_type',
            'feature_name', 'session_duration_seconds',
        ]
    ) }}

),

final as (

    select
        event_id,
        account_id,
        crm_contact_id,
        product_user_id,
        event_type,
        feature_name,
        session_duration_seconds,
        first_date,
        last_date,
        occurred_at,
        occurred_date,
        loaded_at
    from latest

)

select * from final
