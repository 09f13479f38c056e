-- Every week begins on a Monday and every month on the first, in every mart; a mart that this test
-- does not know yet fails it.
{%- set periods = [
    'int_period', 'int_mrr_account_period', 'fct_account_period', 'fct_account_period_dimension',
    'fct_downtime_period', 'revenue_summary', 'revenue_target_pace', 'recurring_revenue',
    'mrr_waterfall', 'nrr_summary', 'lifetime_value_summary', 'account_signups', 'adoption_cohorts',
    'account_retention', 'cs_score_summary', 'time_to_value_summary', 'request_performance',
    'throttle_top_decile', 'availability_summary', 'utilization_summary', 'ticket_summary',
    'ticket_category_summary', 'feature_engagement', 'flow_abandonment', 'metric_values',
    'model_availability_summary', 'plan_tier_movement',
] %}
{%- set weeks = [
    'dim_date', 'cs_score_account', 'o2r_account_week', 'o2r_weekly_story', 'incident_usage_impact',
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
    grain not in ('week', 'month')
    or (grain = 'week' and {{ iso_dow('period_start') }} <> 1)
    or (grain = 'month' and period_start <> cast(date_trunc('month', period_start) as date))
{%- for model in mart_models('period_start') + mart_models('week_start') %}
{%- if model not in periods + weeks %}

union all

select
    '{{ model }}' as model,
    cast(null as varchar(10)) as grain,
    cast(null as date) as period_start,
    'is not in the lists of this test' as problem
{%- endif %}
{%- endfor %}
