-- Every week begins on a Monday, every month and fiscal year on the first, in every mart; a mart
-- that this test does not know yet fails it.
{%- set periods = [
    'int_period', 'int_mrr_account_period', 'fct_account_period', 'fct_account_period_dimension',
    'fct_downtime_period', 'revenue_summary', 'revenue_target_pace', 'recurring_revenue',
    'mrr_waterfall', 'nrr_summary', 'lifetime_value_summary', 'account_signups', 'adoption_cohorts',
    'account_retention', 'cs_score_summary', 'time_to_value_summary', 'request_performance',
    'throttle_top_decile', 'availability_summary', 'utilization_summary', 'ticket_summary',
    'ticket_category_summary', 'sla_adherence', 'feature_engagement', 'flow_abandonment',
    'metric_values', 'model_availability_summary', 'plan_tier_movement',
    'int_revenue_period', 'fct_revenue_period', 'model_revenue_period', 'customer_revenue_period',
] %}
{%- set weeks = [
    'dim_date', 'cs_score_account', 'o2r_account_week', 'o2r_weekly_story', 'incident_usage_impact',
    'model_revenue_weekly', 'customer_revenue_weekly', 'model_capacity_weekly',
    'quota_request_weekly', 'token_usage_model_weekly', 'token_usage_customer_weekly',
] %}
{%- set months = [
    'dim_date', 'fct_subscription_month', 'fct_revenue', 'model_revenue_monthly',
    'customer_revenue_monthly', 'token_usage_model_monthly', 'token_usage_customer_monthly',
    'revenue_cohort_analysis', 'deal_outcomes_monthly',
] %}
{%- set years = [
    'dim_date', 'fct_revenue_year_to_date', 'revenue_summary', 'revenue_target_pace',
    'model_revenue_ytd', 'customer_revenue_ytd', 'token_usage_model_ytd',
    'token_usage_customer_ytd',
] %}
with starts as (

    {%- for model in periods %}
    select distinct
        '{{ model }}' as model,
        grain,
        period_start
    from {{ ref(model) }}

    union all
    {%- endfor %}
    {%- for model in weeks %}

    select distinct
        '{{ model }}' as model,
        'week' as grain,
        week_start as period_start
    from {{ ref(model) }}

    union all
    {%- endfor %}
    {%- for model in months %}

    select distinct
        '{{ model }}' as model,
        'month' as grain,
        month_start as period_start
    from {{ ref(model) }}

    union all
    {%- endfor %}
    {%- for model in years %}

    select distinct
        '{{ model }}' as model,
        'ytd' as grain,
        fiscal_year_start as period_start
    from {{ ref(model) }}
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

)

select
    model,
    grain,
    period_start,
    'does not begin on a Monday or the first' as problem
from starts
where
    grain not in ('week', 'month', 'ytd')
    or (grain = 'week' and {{ iso_dow('period_start') }} <> 1)
    or (grain <> 'week' and period_start <> cast(date_trunc('month', period_start) as date))
{%- for column, known in [
    ('period_start', periods), ('week_start', weeks), ('month_start', months),
    ('fiscal_year_start', years),
] %}
{%- for model in mart_models(column) %}
{%- if model not in known %}

union all

select
    '{{ model }}' as model,
    cast(null as varchar(10)) as grain,
    cast(null as date) as period_start,
    'is not in the lists of this test' as problem
{%- endif %}
{%- endfor %}
{%- endfor %}
