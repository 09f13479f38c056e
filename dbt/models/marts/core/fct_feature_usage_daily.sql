-- Grain: one row per account, feature and day on which the feature was used.
with as_of as (select * from {{ ref('int_as_of') }}),

daily as (

    select
        product_usage.account_id,
        product_usage.feature_name,
        product_usage.usage_date,
        product_usage.event_count,
        product_usage.user_count
    from {{ ref('int_product_usage_daily') }} as product_usage
    inner join as_of
        on product_usage.usage_date <= as_of.as_of_date
    where
        product_usage.event_type = 'feature_used'
        and product_usage.feature_name is not null
        and product_usage.feature_name <> 'Unknown'

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
