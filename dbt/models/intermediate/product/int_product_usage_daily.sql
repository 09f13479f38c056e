-- Grain: one row per account, type of event, feature and day with product events.
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
        event_type,
        feature_name,
        occurred_date as usage_date,
        count(*) as event_count,
        count(distinct product_user_id) as user_count,
        max(loaded_at) as newest_loaded_at
    from events
    group by account_id, event_type, feature_name, occurred_date

)

select * from final
