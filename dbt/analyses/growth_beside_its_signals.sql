-- Did product signals move in the weeks in which revenue growth turned? Final values, newest
-- week first.
with weekly as (

    select
        period_start as week_start,
        metric,
        value
    from {{ ref('metric_values') }}
    where
        grain = 'week'
        and dimension = 'all'
        and is_final

)

select
    week_start,
    max(value) filter (where metric = 'weekly_revenue') as weekly_revenue,
    max(value) filter (where metric = 'weekly_growth_rate_pct') as weekly_growth_rate_pct,
    max(value) filter (where metric = 'error_rate_pct') as error_rate_pct,
    max(value) filter (where metric = 'latency_p90_ms') as latency_p90_ms,
    max(value) filter (where metric = 'uptime_pct') as uptime_pct,
    max(value) filter (where metric = 'ticket_volume') as ticket_volume
from weekly
group by week_start
order by week_start desc nulls last
