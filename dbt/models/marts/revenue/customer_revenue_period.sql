-- Grain: one row per account, grain (week, month, ytd) and period with revenue rows.
{%- set tiers = setting('revenue_tier_thresholds') %}
with revenue as (

    select * from {{ ref('fct_revenue_period') }}
    where dimension = 'account'

),

accounts as (select * from {{ ref('dim_account') }}),

history as (select * from {{ ref('int_account_history') }}),

joined as (

    select
        revenue.*,
        accounts.account_id,
        accounts.account_name,
        accounts.account_size,
        accounts.segment,
        accounts.plan_tier,
        accounts.vertical,
        accounts.home_region,
        coalesce(history.segment, 'Unknown') as segment_as_of_period_end,
        coalesce(history.plan_tier, 'Unknown') as plan_tier_as_of_period_end,
        sum(revenue.net_revenue) over (
            partition by revenue.grain, revenue.period_start
        ) as total_net_revenue,
        sum(revenue.net_revenue) over (
            partition by revenue.grain, revenue.period_start
            order by revenue.net_revenue desc nulls last
            range between unbounded preceding and current row
        ) as cumulative_net_revenue,
        -- Whole months count as they are; a part of a period stands for all of it.
        {{ ratio(
            'revenue.net_revenue * revenue.period_days * '
            ~ "case revenue.grain when 'week' then " ~ var('weeks_per_month') ~ ' else 1 end',
            "revenue.observed_days * case revenue.grain when 'ytd' then 12 else 1 end"
        ) }} as monthly_run_rate
    from revenue
    inner join accounts
        on revenue.dimension_value = accounts.account_id
    left join history
        on
            revenue.dimension_value = history.account_id
            and revenue.observed_end_at > history.valid_from_at
            and revenue.observed_end_at <= history.valid_to_at

),

final as (

    select
        account_id,
        account_name,
        account_size,
        segment,
        plan_tier,
        vertical,
        home_region,
        segment_as_of_period_end,
        plan_tier_as_of_period_end,
        model_count,
        product_count,
        rank() over (
            partition by grain, period_start, segment
            order by net_revenue desc nulls last
        ) as rank_in_segment,
        rank() over (
            partition by grain, period_start, vertical
            order by net_revenue desc nulls last
        ) as rank_in_vertical,
        rank() over (
            partition by grain, period_start, home_region
            order by net_revenue desc nulls last
        ) as rank_in_region,
        monthly_run_rate,
        case
            when monthly_run_rate >= {{ tiers.top }} then 'top'
            when monthly_run_rate >= {{ tiers.high }} then 'high'
            when monthly_run_rate >= {{ tiers.medium }} then 'medium'
            when monthly_run_rate > 0 then 'low'
            else 'no_revenue'
        end as revenue_tier,
        {{ revenue_measures() }}
    from joined

)

select * from final
