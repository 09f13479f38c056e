-- Grain: one row per dimension (account, model), member, grain (week, month, ytd) and period with
-- revenue rows.
{%- set members = {'account': 'account_id', 'model': 'model_variant'} %}
{%- set measures = [
    'gross_revenue_input', 'gross_revenue_output', 'gross_revenue_cache_read',
    'gross_revenue_cache_write', 'gross_revenue', 'savings_plan_amount', 'discount_amount',
    'net_revenue',
] %}
with periods as (select * from {{ ref('int_revenue_period') }}),

period_days as (select * from {{ ref('int_revenue_period_day') }}),

daily as (

    {%- for dimension, member in members.items() %}

    select
        '{{ dimension }}' as dimension,
        {{ member }} as dimension_value,
        revenue_date,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }},
        {%- endfor %}
        sum(net_revenue) filter (where billing_type = 'pay-as-you-go') as pay_as_you_go_revenue,
        sum(net_revenue) filter (where billing_type = 'savings-plan') as savings_plan_revenue,
        sum(net_revenue) filter (where billing_type = 'committed-use') as committed_use_revenue
    from {{ ref('fct_revenue_daily') }}
    group by {{ member }}, revenue_date
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

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
        {%- for measure in measures %}
        sum(daily.{{ measure }}) as {{ measure }},
        {%- endfor %}
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

-- Distinct counts do not add up, so they are taken over what occurs in the period.
period_parts as (

    select distinct
        period_days.grain,
        period_days.period_start,
        revenue.account_id,
        revenue.model_variant,
        revenue.product_sku,
        revenue.currency_code
    from {{ ref('fct_revenue_daily') }} as revenue
    inner join period_days
        on revenue.revenue_date = period_days.date_day
    where not period_days.is_previous

),

counts as (

    {%- for dimension, member in members.items() %}

    select
        {{ dbt_utils.generate_surrogate_key([
            "'" ~ dimension ~ "'", member, 'grain', 'period_start',
        ]) }} as revenue_period_key,
        count(distinct account_id) as customer_count,
        count(distinct model_variant) as model_count,
        count(distinct product_sku) as product_count,
        count(distinct currency_code) as currency_count
    from period_parts
    group by grain, period_start, {{ member }}
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

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
