-- Weekly revenue is one number everywhere: the daily fact, metric_values, the sum over accounts and
-- the weekly story.
{{ config(store_failures=true) }}

with facts as (

    select
        dates.week_start,
        sum(revenue.net_revenue) as net_revenue
    from {{ ref('fct_revenue_daily') }} as revenue
    inner join {{ ref('dim_date') }} as dates
        on revenue.revenue_date = dates.date_day
    group by dates.week_start

),

metrics as (

    select
        period_start as week_start,
        is_complete,
        value as net_revenue
    from {{ ref('metric_values') }}
    where
        metric = 'weekly_revenue'
        and grain = 'week'
        and dimension = 'all'

),

accounts as (

    select
        period_start as week_start,
        sum(net_revenue) as net_revenue
    from {{ ref('fct_account_period_dimension') }}
    where
        grain = 'week'
        and dimension = 'all'
    group by period_start

),

stories as (

    select
        week_start,
        value as net_revenue
    from {{ ref('o2r_weekly_story') }}
    where metric = 'weekly_revenue'

)

select
    coalesce(metrics.week_start, facts.week_start) as week_start,
    facts.net_revenue as fact_revenue,
    metrics.net_revenue as metric_revenue,
    accounts.net_revenue as account_revenue,
    stories.net_revenue as story_revenue
from metrics
full outer join facts
    on metrics.week_start = facts.week_start
left join accounts
    on coalesce(metrics.week_start, facts.week_start) = accounts.week_start
left join stories
    on coalesce(metrics.week_start, facts.week_start) = stories.week_start
where
    coalesce(metrics.net_revenue, 0) <> coalesce(facts.net_revenue, 0)
    or coalesce(accounts.net_revenue, 0) <> coalesce(facts.net_revenue, 0)
    -- The story tells complete weeks only.
    or (metrics.is_complete and coalesce(stories.net_revenue <> metrics.net_revenue, true))
    or (stories.net_revenue is not null and not metrics.is_complete)
