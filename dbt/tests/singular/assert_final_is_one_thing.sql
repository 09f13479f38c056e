-- A window has one length, in the vars and in the catalogue, and what is final in metric_values is
-- final in its mart. In total both say the same; members also wait for accounts, in metric_values.
{%- set windows = {
    'adoption_rate_pct': ('adoption_cohorts', var('adoption_window_days')),
    'abandonment_rate_pct': ('flow_abandonment', var('flow_window_days')),
    'ticket_resolution_hours': ('ticket_summary', 0),
    'cs_score': ('cs_score_summary', 0),
} %}
with definitions as (select * from {{ ref('metric_definitions') }})
{%- for metric, (mart, days) in windows.items() %}

select
    '{{ metric }}' as metric,
    cast(null as date) as period_start,
    'the catalogue says ' || cast(final_after_days as varchar(10)) || ' days, the vars {{ days }}'
        as problem
from definitions
where
    metric = '{{ metric }}'
    and final_after_days <> {{ days }}

union all

select
    metric_values.metric,
    metric_values.period_start,
    '{{ mart }} and metric_values differ on what is final' as problem
from {{ ref('metric_values') }} as metric_values
inner join {{ ref(mart) }} as mart
    on {{ columns_equal('metric_values', 'mart', [
        'grain', 'period_start', 'dimension', 'dimension_value',
    ]) }}
where
    metric_values.metric = '{{ metric }}'
    and metric_values.is_final <> mart.is_final
    and (metric_values.is_final or metric_values.dimension = 'all')
{%- if not loop.last %}

union all
{%- endif %}
{%- endfor %}
