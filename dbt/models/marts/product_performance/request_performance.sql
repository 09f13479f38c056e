-- Grain: one row per population, grain (week, month), period and member of each reporting dimension
-- with at least one request.
with performance as (select * from {{ ref('int_request_performance') }}),

periods as (

    select
        grain,
        period_start,
        is_complete
    from {{ ref('int_feed_period') }}
    where feed = 'requests'

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        performance.population,
        performance.grain,
        performance.period_start,
        performance.dimension,
        performance.dimension_value,
        periods.is_complete
        and {{ knows_members(
            'performance.dimension', 'performance.grain', 'performance.period_start', by_home=false
        ) }} as is_complete,
        performance.request_count,
        performance.error_count,
        performance.throttled_count,
        performance.unavailable_count,
        {{ pct('performance.error_count', 'performance.request_count') }} as error_rate_pct,
        {{ pct('performance.throttled_count', 'performance.request_count') }} as throttle_rate_pct,
        {{ pct('performance.unavailable_count', 'performance.request_count') }}
            as unavailable_rate_pct,
        performance.latency_count,
        performance.latency_p50_ms,
        performance.latency_p90_ms,
        performance.latency_p99_ms
    from performance
    inner join periods
        on {{ columns_equal('performance', 'periods', ['grain', 'period_start']) }}
    cross join known_members

)

select * from final
