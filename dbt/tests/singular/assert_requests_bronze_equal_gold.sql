-- Requests, failures and tokens of both feeds up to the as-of day are those of the fact on every
-- day, and its requests are those of the metric in every month.
{{ config(store_failures=true) }}

with feeds as (

    select
        requested_date,
        is_error,
        total_tokens
    from {{ ref('stg_requests_open_source') }}

    union all

    select
        requested_date,
        is_error,
        total_tokens
    from {{ ref('stg_requests_proprietary') }}

),

bronze as (

    select
        feeds.requested_date as usage_date,
        count(*) as request_count,
        count(*) filter (where feeds.is_error) as error_count,
        sum(feeds.total_tokens) as total_tokens
    from feeds
    inner join {{ ref('int_as_of') }} as as_of
        on feeds.requested_date <= as_of.as_of_date
    group by feeds.requested_date

),

facts as (

    select
        usage_date,
        sum(request_count) as request_count,
        sum(error_count) as error_count,
        sum(total_tokens) as total_tokens
    from {{ ref('fct_usage_daily') }}
    group by usage_date

),

fact_months as (

    select
        cast(date_trunc('month', usage_date) as date) as month_start,
        sum(request_count) as request_count
    from facts
    group by cast(date_trunc('month', usage_date) as date)

),

metric_months as (

    select
        period_start as month_start,
        value as request_count
    from {{ ref('metric_values') }}
    where
        metric = 'requests'
        and grain = 'month'
        and dimension = 'all'

)

select
    'day ' || cast(coalesce(bronze.usage_date, facts.usage_date) as varchar(10)) as compared,
    bronze.request_count as bronze_requests,
    facts.request_count as gold_requests
from bronze
full outer join facts
    on bronze.usage_date = facts.usage_date
where
    coalesce(bronze.request_count, 0) <> coalesce(facts.request_count, 0)
    or coalesce(bronze.error_count, 0) <> coalesce(facts.error_count, 0)
    or coalesce(bronze.total_tokens, 0) <> coalesce(facts.total_tokens, 0)

union all

select
    'month '
    || cast(coalesce(fact_months.month_start, metric_months.month_start) as varchar(10))
        as compared,
    fact_months.request_count as bronze_requests,
    metric_months.request_count as gold_requests
from fact_months
full outer join metric_months
    on fact_months.month_start = metric_months.month_start
where coalesce(fact_months.request_count, 0) <> coalesce(metric_months.request_count, 0)
