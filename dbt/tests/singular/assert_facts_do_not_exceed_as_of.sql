-- No fact speaks of a day after the as-of day, also not by its resolution or its end; no reported
-- period begins after it.
{%- set dates = [
    ('fct_revenue_daily', 'revenue_date'),
    ('fct_revenue_period', 'observed_end'),
    ('fct_usage_daily', 'usage_date'),
    ('fct_tickets', 'created_date'),
    ('fct_tickets', 'first_response_at'),
    ('fct_tickets', 'resolved_at'),
    ('fct_incidents', 'started_date'),
    ('fct_incidents', 'resolved_at'),
    ('fct_downtime', 'started_at'),
    ('fct_survey_responses', 'answered_date'),
    ('fct_feature_usage_daily', 'usage_date'),
    ('fct_flows', 'started_date'),
    ('fct_flows', 'finished_at'),
    ('fct_utilization', 'observed_date'),
    ('fct_subscription_month', 'month_start'),
    ('fct_mrr_snapshot', 'snapshot_date'),
    ('fct_revenue_year_to_date', 'snapshot_date'),
    ('fct_account_period', 'period_start'),
    ('fct_downtime_period', 'period_start'),
    ('token_usage_model_weekly', 'observed_to_date'),
    ('token_usage_model_monthly', 'observed_to_date'),
    ('token_usage_model_ytd', 'observed_to_date'),
    ('token_usage_customer_weekly', 'observed_to_date'),
    ('token_usage_customer_monthly', 'observed_to_date'),
    ('token_usage_customer_ytd', 'observed_to_date'),
    ('metric_values', 'period_start'),
] %}
with newest as (

    {%- for fact, column in dates %}
    select
        '{{ fact }}.{{ column }}' as fact_column,
        cast(max({{ column }}) as timestamp) as newest_at
    from {{ ref(fact) }}
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

)

select
    newest.fact_column,
    newest.newest_at,
    as_of.as_of_date
from newest
cross join {{ ref('int_as_of') }} as as_of
where newest.newest_at >= as_of.as_of_end_at
