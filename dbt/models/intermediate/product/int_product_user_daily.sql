-- Grain: one row per account, product user and day with product events.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    unique_key='usage_date',
    indexes=[{'columns': ['usage_date']}],
    meta={'follows': 'int_product_events'},
) }}
with events as (

    select * from {{ ref('int_product_events') }}
    {%- if is_incremental() %}
    where occurred_date in ({{ days_to_build() }})
    {%- endif %}

),

final as (

    select
        account_id,
        product_user_id,
        occurred_date as usage_date,
        count(*) as event_count,
        cast(sum(session_duration_seconds) as bigint) as session_seconds
    from events
    where
        account_id is not null
        and product_user_id is not null
    group by account_id, product_user_id, occurred_date

)

select * from final
