-- What a move between plan tiers does to a report: revenue of each month by the tier of its day,
-- and by the tier that the account has today. Both add up to the same total.
with revenue as (

    select
        cast(date_trunc('month', revenue.revenue_date) as date) as month_start,
        revenue.plan_tier_as_of_event,
        accounts.plan_tier as plan_tier_today,
        revenue.net_revenue
    from {{ ref('fct_revenue_daily') }} as revenue
    inner join {{ ref('dim_account') }} as accounts
        on revenue.account_id = accounts.account_id

),

sides as (

    select
        month_start,
        plan_tier_as_of_event as plan_tier,
        net_revenue as net_revenue_then,
        cast(0 as numeric(18, 6)) as net_revenue_now
    from revenue

    union all

    select
        month_start,
        plan_tier_today as plan_tier,
        cast(0 as numeric(18, 6)) as net_revenue_then,
        net_revenue as net_revenue_now
    from revenue

)

select
    month_start,
    plan_tier,
    sum(net_revenue_then) as net_revenue_then,
    sum(net_revenue_now) as net_revenue_now
from sides
group by month_start, plan_tier
order by month_start nulls last, plan_tier nulls last
