-- Net and gross revenue of the models, and of the customers, add up to the daily fact in every
-- week, month and fiscal year; net revenue is that of the metrics.
{%- set marts = [
    ('week', 'week_start', ['model_revenue_weekly', 'customer_revenue_weekly']),
    ('month', 'month_start', ['model_revenue_monthly', 'customer_revenue_monthly']),
    ('ytd', 'fiscal_year_start', ['model_revenue_ytd', 'customer_revenue_ytd']),
] %}
with facts as (

    {%- for grain, column in [
        ('week', 'week_start'), ('month', 'month_start'), ('ytd', 'fiscal_year_start')
    ] %}
    select
        '{{ grain }}' as grain,
        dates.{{ column }} as period_start,
        sum(revenue.net_revenue) as net_revenue,
        sum(revenue.gross_revenue) as gross_revenue
    from {{ ref('fct_revenue_daily') }} as revenue
    inner join {{ ref('dim_date') }} as dates
        on revenue.revenue_date = dates.date_day
    group by dates.{{ column }}
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

sums as (

    {%- for grain, column, models in marts %}
    {%- for model in models %}
    select
        '{{ model }}' as compared,
        '{{ grain }}' as grain,
        {{ column }} as period_start,
        sum(net_revenue) as net_revenue,
        sum(gross_revenue) as gross_revenue
    from {{ ref(model) }}
    group by {{ column }}

    union all
    {%- endfor %}
    {%- endfor %}

    select
        metric as compared,
        grain,
        period_start,
        value as net_revenue,
        null as gross_revenue
    from {{ ref('metric_values') }}
    where
        metric in ('weekly_revenue', 'monthly_revenue')
        and dimension = 'all'
        and value <> 0

    union all

    -- The year to date as of its last month is that of the year.
    select
        metrics.metric as compared,
        'ytd' as grain,
        years.period_start,
        metrics.value as net_revenue,
        null as gross_revenue
    from {{ ref('int_revenue_period') }} as years
    inner join {{ ref('int_period') }} as months
        on years.observed_end = months.observed_end
    inner join {{ ref('metric_values') }} as metrics
        on {{ columns_equal('months', 'metrics', ['grain', 'period_start']) }}
    where
        years.grain = 'ytd'
        and months.grain = 'month'
        and metrics.metric = 'ytd_revenue'
        and metrics.dimension = 'all'

),

names as (

    select distinct
        compared,
        grain
    from sums

),

expected as (

    select
        names.compared,
        facts.*
    from names
    inner join facts
        on names.grain = facts.grain

)

select
    coalesce(expected.compared, sums.compared) as compared,
    coalesce(expected.period_start, sums.period_start) as period_start,
    expected.net_revenue as fact_net_revenue,
    sums.net_revenue,
    expected.gross_revenue as fact_gross_revenue,
    sums.gross_revenue
from expected
full outer join sums
    on {{ columns_equal('expected', 'sums', ['compared', 'grain', 'period_start']) }}
where
    coalesce(expected.net_revenue, 0) <> coalesce(sums.net_revenue, 0)
    or coalesce(expected.gross_revenue <> sums.gross_revenue, false)
