-- Grain: one row per account, feature and day on which the feature was used.
with as_of as (

    select * from {{ ref('int_as_of') }}

),

daily as (

    select
        events.account_id,
        events.feature_name,
        events.occurred_date as usage_date,
        count(*) as event_count,
        count(distinct events.product_user_id) as user_count
    from {{ ref('stg_product_events') }} as events
    inner join as_of
        on events.occurred_date <= as_of.as_of_date
    where
        events.event_type = 'feature_used'
        and events.feature_name is not null
        and events.feature_name <> 'Unknown'
    group by events.account_id, events.feature_name, events.occurred_date

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['account_id', 'feature_name', 'usage_date']) }}
            as feature_usage_key,
        coalesce(account_id, 'Unknown') as account_id,
        feature_name,
        usage_date,
        cast(event_count as bigint) as event_count,
        cast(user_count as bigint) as user_count
    from daily

)

select * from final
