-- Grain: one row per account, type of event, feature and day with product events.
{# Staging finds the newest version of every event; this is done once, for all that count days. #}
with events as (

    select * from {{ ref('stg_product_events') }}

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
