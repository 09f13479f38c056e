-- Money, requests and throttled requests of the window come out of revenue_at_risk as they went in.
with as_of as (

    select
        *,
        cast(as_of_date - interval '{{ var("capacity_window_days") - 1 }} day' as date)
            as window_start
    from {{ ref('int_as_of') }}

),

facts as (

    select
        'net_revenue' as measure,
        coalesce(sum(revenue.net_revenue), 0) as expected
    from {{ ref('fct_revenue_daily') }} as revenue
    inner join as_of
        on revenue.revenue_date >= as_of.window_start

    union all

    select
        'request_count' as measure,
        coalesce(sum(usage_daily.request_count), 0) as expected
    from {{ ref('fct_usage_daily') }} as usage_daily
    inner join as_of
        on usage_daily.usage_date >= as_of.window_start

    union all

    select
        'throttled_count' as measure,
        coalesce(sum(usage_daily.throttled_count), 0) as expected
    from {{ ref('fct_usage_daily') }} as usage_daily
    inner join as_of
        on usage_daily.usage_date >= as_of.window_start

),

mart as (

    select
        coalesce(sum(net_revenue), 0) as net_revenue,
        coalesce(sum(request_count), 0) as request_count,
        coalesce(sum(throttled_count), 0) as throttled_count
    from {{ ref('revenue_at_risk') }}

),

compared as (

    select
        facts.measure,
        facts.expected,
        case facts.measure
            when 'net_revenue' then mart.net_revenue
            when 'request_count' then mart.request_count
            else mart.throttled_count
        end as found
    from facts
    cross join mart

)

select * from compared
where expected <> found
