-- Grain: one row per account and feature that it uses far more than accounts do on average.
with as_of as (

    {{ known_as_of(['product_events']) }}

),

counted as (

    select
        usage.account_id,
        usage.feature_name,
        sum(usage.event_count) as event_count
    from {{ ref('fct_feature_usage_daily') }} as usage
    cross join as_of
    where
        {{ days_between('usage.usage_date', 'as_of.as_of_date') }}
        < {{ var('interest_lookback_days') }}
        and usage.usage_date <= as_of.as_of_date
        and usage.account_id <> 'Unknown'
    group by usage.account_id, usage.feature_name

),

{{ interests('account_id', 'feature_name') }}

select * from final
