-- Requests, errors and tokens of a period are the same in the daily fact, summed over models and
-- summed over customers; the year to date is the sum of its days.
{%- set measures = [
    'request_count', 'error_count', 'throttled_count', 'unavailable_count', 'input_tokens',
    'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'total_tokens',
] %}
{%- set sources = [
    ('usage_days', 'week', 'week_start'),
    ('usage_days', 'month', 'month_start'),
    ('usage_year_to_date', 'ytd', 'fiscal_year_start'),
    (ref('token_usage_model_weekly'), 'week', 'week_start'),
    (ref('token_usage_model_monthly'), 'month', 'month_start'),
    (ref('token_usage_model_ytd'), 'ytd', 'fiscal_year_start'),
    (ref('token_usage_customer_weekly'), 'week', 'week_start'),
    (ref('token_usage_customer_monthly'), 'month', 'month_start'),
    (ref('token_usage_customer_ytd'), 'ytd', 'fiscal_year_start'),
] %}
with usage_days as (

    select
        usage.*,
        dates.week_start,
        dates.month_start,
        dates.fiscal_year_start,
        dates.fiscal_year_end
    from {{ ref('fct_usage_daily') }} as usage
    inner join {{ ref('dim_date') }} as dates
        on usage.usage_date = dates.date_day

),

usage_year_to_date as (

    select usage_days.*
    from usage_days
    inner join {{ ref('int_as_of') }} as as_of
        on
            usage_days.fiscal_year_start <= as_of.as_of_date
            and usage_days.fiscal_year_end >= as_of.as_of_date

),

sums as (
    {%- for source, grain, start in sources %}

    select
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }},
        {%- endfor %}
        '{{ grain }}' as grain,
        {{ start }} as period_start
    from {{ source }}
    group by {{ start }}
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

)

select
    grain,
    period_start,
    count(*) as sources_with_usage
from sums
group by grain, period_start
having
    count(*) <> 3
    {%- for measure in measures %}
    or min({{ measure }}) <> max({{ measure }})
    {%- endfor %}
