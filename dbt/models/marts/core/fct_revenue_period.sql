-- Grain: one row per dimension (account, model), member, grain (week, month, ytd) and period with
-- revenue rows.
with revenue as (select * from {{ ref('fct_revenue_daily') }}),

periods as (select * from {{ ref('int_revenue_period') }}),

period_days as (select * from {{ ref('int_revenue_period_day') }}),

by_member as (

    select
        'account' as dimension,
        revenue.account_id as dimension_value,
        revenue.*
    from revenue

    union all

    select
        'model' as dimension,
        revenue.model_variant as dimension_value,
        revenue.*
    from revenue

),

daily as (

    select
        dimension,
        dimension_value,
        revenue_date,
        sum(gross_revenue_input) as gross_revenue_input,
        sum(gross_revenue_output) as gross_revenue_output,
        sum(gross_revenue_cache_read) as gross_revenue_cache_read,
        sum(gross_revenue_cache_write) as gross_revenue_cache_write,
        sum(gross_revenue) as gross_revenue,
        sum(savings_plan_amount) as savings_plan_amount,
        sum(discount_amount) as discount_amount,
        sum(net_revenue) as net_revenue,
        sum(net_revenue) filter (where billing_type = 'pay-as-you-go') as pay_as_you_go_revenue,
        sum(net_revenue) filter (where billing_type = 'savings-plan') as savings_plan_revenue,
        sum(net_revenue) filter (where billing_type = 'committed-use') as committed_use_revenue
    from by_member
    group by dimension, dimension_value, revenue_date

),

-- Each part carries the key of its row: of a join on four columns the planner expects one row, and
-- would read the other side again for each.
totals as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'daily.dimension', 'daily.dimension_value', 'period_days.grain',
            'period_days.period_start',
        ]) }} as revenue_period_key,
        period_days.grain,
        period_days.period_start,
        daily.dimension,
        daily.dimension_value,
        sum(daily.gross_revenue_input) as gross_revenue_input,
        sum(daily.gross_revenue_output) as gross_revenue_output,
        sum(daily.gross_revenue_cache_read) as gross_revenue_cache_read,
        sum(daily.gross_revenue_cache_write) as gross_revenue_cache_write,
        sum(daily.gross_revenue) as gross_revenue,
        sum(daily.savings_plan_amount) as savings_plan_amount,
        sum(daily.discount_amount) as discount_amount,
        sum(daily.net_revenue) as net_revenue,
        coalesce(sum(daily.pay_as_you_go_revenue), 0) as pay_as_you_go_revenue,
        coalesce(sum(daily.savings_plan_revenue), 0) as savings_plan_revenue,
        coalesce(sum(daily.committed_use_revenue), 0) as committed_use_revenue,
        count(*) as active_days,
        max(daily.net_revenue) as daily_net_revenue_max,
        min(daily.net_revenue) as daily_net_revenue_min
    from daily
    inner join period_days
        on daily.revenue_date = period_days.date_day
    where not period_days.is_previous
    group by
        period_days.grain, period_days.period_start, daily.dimension, daily.dimension_value

),

-- Distinct counts do not add up, so they are taken over the rows of the period.
counts as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'by_member.dimension', 'by_member.dimension_value', 'period_days.grain',
            'period_days.period_start',
        ]) }} as revenue_period_key,
        count(distinct by_member.account_id) as customer_count,
        count(distinct by_member.model_variant) as model_count,
        count(distinct by_member.product_sku) as product_count,
        count(distinct by_member.currency_code) as currency_count
    from by_member
    inner join period_days
        on by_member.revenue_date = period_days.date_day
    where not period_days.is_previous
    group by
        period_days.grain, period_days.period_start, by_member.dimension, by_member.dimension_value

),

previous as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'daily.dimension', 'daily.dimension_value', 'period_days.grain',
            'period_days.period_start',
        ]) }} as revenue_period_key,
        sum(daily.net_revenue) as net_revenue
    from daily
    inner join period_days
        on daily.revenue_date = period_days.date_day
    where period_days.is_previous
    group by
        period_days.grain, period_days.period_start, daily.dimension, daily.dimension_value

),

final as (

    select
        totals.revenue_period_key,
        totals.dimension,
        totals.dimension_value,
        totals.grain,
        totals.period_start,
        periods.observed_end,
        periods.observed_end_at,
        periods.is_complete,
        cast(periods.period_days as integer) as period_days,
        cast(periods.observed_days as integer) as observed_days,
        cast(totals.active_days as bigint) as active_days,
        cast(counts.customer_count as bigint) as customer_count,
        cast(counts.model_count as bigint) as model_count,
        cast(counts.product_count as bigint) as product_count,
        cast(counts.currency_count as bigint) as currency_count,
        cast(totals.gross_revenue_input as numeric(24, 6)) as gross_revenue_input,
        cast(totals.gross_revenue_output as numeric(24, 6)) as gross_revenue_output,
        cast(totals.gross_revenue_cache_read as numeric(24, 6)) as gross_revenue_cache_read,
        cast(totals.gross_revenue_cache_write as numeric(24, 6)) as gross_revenue_cache_write,
        cast(totals.gross_revenue as numeric(24, 6)) as gross_revenue,
        cast(totals.savings_plan_amount as numeric(24, 6)) as savings_plan_amount,
        cast(totals.discount_amount as numeric(24, 6)) as discount_amount,
        cast(totals.net_revenue as numeric(24, 6)) as net_revenue,
        cast(totals.pay_as_you_go_revenue as numeric(24, 6)) as pay_as_you_go_revenue,
        cast(totals.savings_plan_revenue as numeric(24, 6)) as savings_plan_revenue,
        cast(totals.committed_use_revenue as numeric(24, 6)) as committed_use_revenue,
        cast(
            totals.net_revenue
            - totals.pay_as_you_go_revenue
            - totals.savings_plan_revenue
            - totals.committed_use_revenue as numeric(24, 6)
        ) as other_billing_revenue,
        cast(totals.daily_net_revenue_max as numeric(24, 6)) as daily_net_revenue_max,
        cast(totals.daily_net_revenue_min as numeric(24, 6)) as daily_net_revenue_min,
        cast(
            case when periods.is_comparable then coalesce(previous.net_revenue, 0) end
            as numeric(24, 6)
        ) as previous_net_revenue
    from totals
    inner join periods
        on {{ columns_equal('totals', 'periods', ['grain', 'period_start']) }}
    inner join counts
        on totals.revenue_period_key = counts.revenue_period_key
    left join previous
        on totals.revenue_period_key = previous.revenue_period_key

)

select * from final
