-- Grain: one row per complete month and member of each reporting dimension with revenue three
-- months before.
{#
  A small base that grows fast is easy to overlook (book, 2.2): its rate of growth over three months
  beside the company's. is_overlooked: less than `small_pct` of
  the revenue, and growing at least `times` as fast as the company, by `least_pct` or more.
#}
{%- set small_pct, times, least_pct = 10, 2, 25 %}
with monthly as (

    select
        period_start as month_start,
        dimension,
        dimension_value,
        net_revenue,
        lag(net_revenue, 3) over (
            partition by dimension, dimension_value order by period_start nulls last
        ) as base_revenue,
        lag(period_start, 3) over (
            partition by dimension, dimension_value order by period_start nulls last
        ) as base_month
    from {{ ref('revenue_summary') }}
    where
        grain = 'month'
        and is_complete

),

grown as (

    select
        *,
        {{ pct('net_revenue - base_revenue', 'base_revenue') }} as growth_pct
    from monthly
    where
        base_revenue > 0
        and {{ months_between('base_month', 'month_start') }} = 3

),

company as (

    select
        month_start,
        net_revenue as company_revenue,
        growth_pct as company_growth_pct
    from grown
    where dimension = 'all'

),

compared as (

    select
        grown.month_start,
        grown.dimension,
        grown.dimension_value,
        grown.net_revenue,
        grown.base_revenue,
        grown.growth_pct,
        company.company_growth_pct,
        {{ pct('grown.net_revenue', 'company.company_revenue') }} as revenue_share_pct
    from grown
    inner join company
        on grown.month_start = company.month_start
    where grown.dimension <> 'all'

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['month_start', 'dimension', 'dimension_value']) }}
            as growth_signal_key,
        month_start,
        dimension,
        dimension_value,
        net_revenue,
        base_revenue,
        revenue_share_pct,
        growth_pct,
        company_growth_pct,
        coalesce(
            revenue_share_pct < {{ small_pct }}
            and growth_pct >= {{ least_pct }}
            and growth_pct >= {{ times }} * company_growth_pct,
            false
        ) as is_overlooked
    from compared

)

select * from final
