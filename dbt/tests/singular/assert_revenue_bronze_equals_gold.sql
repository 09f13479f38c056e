-- Net revenue of bronze up to the as-of day is that of the fact in every currency, and the fact's
-- is that of the metric in every month.
{{ config(store_failures=true) }}

with bronze as (

    select
        revenue.currency_code,
        sum(revenue.net_revenue) as net_revenue,
        count(*) as row_count
    from {{ ref('stg_revenue_daily') }} as revenue
    inner join {{ ref('int_as_of') }} as as_of
        on revenue.revenue_date <= as_of.as_of_date
    group by revenue.currency_code

),

facts as (

    select
        currency_code,
        sum(net_revenue_in_currency) as net_revenue,
        count(*) as row_count
    from {{ ref('fct_revenue_daily') }}
    group by currency_code

),

fact_months as (

    select
        cast(date_trunc('month', revenue_date) as date) as month_start,
        sum(net_revenue) as net_revenue
    from {{ ref('fct_revenue_daily') }}
    group by cast(date_trunc('month', revenue_date) as date)

),

metric_months as (

    select
        period_start as month_start,
        value as net_revenue
    from {{ ref('metric_values') }}
    where
        metric = 'monthly_revenue'
        and dimension = 'all'

)

select
    'currency ' || coalesce(bronze.currency_code, facts.currency_code, 'missing') as compared,
    bronze.net_revenue as bronze_value,
    facts.net_revenue as gold_value
from bronze
full outer join facts
    on bronze.currency_code = facts.currency_code
where
    coalesce(bronze.net_revenue, 0) <> coalesce(facts.net_revenue, 0)
    or coalesce(bronze.row_count, 0) <> coalesce(facts.row_count, 0)

union all

select
    'month '
    || cast(coalesce(fact_months.month_start, metric_months.month_start) as varchar(10))
        as compared,
    fact_months.net_revenue as bronze_value,
    metric_months.net_revenue as gold_value
from fact_months
full outer join metric_months
    on fact_months.month_start = metric_months.month_start
where coalesce(fact_months.net_revenue, 0) <> coalesce(metric_months.net_revenue, 0)
