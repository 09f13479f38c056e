-- Requests, failures and tokens, each request in its newest version, are those of the fact on
-- every day up to the as-of day, and the requests of the fact those of the metric in every month.
-- That silver holds what bronze does is compared after every build (dbt/audit/requests.sql).
{{ config(store_failures=true) }}

with silver as (

    select
        requests.requested_date as usage_date,
        count(*) as request_count,
        count(*) filter (where requests.is_error) as error_count,
        sum(requests.total_tokens) as total_tokens
    from {{ ref('int_requests') }} as requests
    inner join {{ ref('int_as_of') }} as as_of
        on requests.requested_date <= as_of.as_of_date
    group by requests.requested_date

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
    'day ' || cast(coalesce(silver.usage_date, facts.usage_date) as varchar(10)) as compared,
    silver.request_count as silver_requests,
    facts.request_count as gold_requests
from silver
full outer join facts
    on silver.usage_date = facts.usage_date
where
    coalesce(silver.request_count, 0) <> coalesce(facts.request_count, 0)
    or coalesce(silver.error_count, 0) <> coalesce(facts.error_count, 0)
    or coalesce(silver.total_tokens, 0) <> coalesce(facts.total_tokens, 0)

union all

select
    'month '
    || cast(coalesce(fact_months.month_start, metric_months.month_start) as varchar(10))
        as compared,
    fact_months.request_count as silver_requests,
    metric_months.request_count as gold_requests
from fact_months
full outer join metric_months
    on fact_months.month_start = metric_months.month_start
where coalesce(fact_months.request_count, 0) <> coalesce(metric_months.request_count, 0)
