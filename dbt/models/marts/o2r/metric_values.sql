-- Grain: one row per metric, grain (week, month), period, dimension and member.
{#
  The one home of every O2R number. A metric is computed in its domain mart; here it gets its name.
  Adding one: a line below and a row in seeds/metric_definitions.csv.
  Each line: metric, layer, value, numerator, denominator (columns of the mart). Every mart named
  here has the columns grain, period_start, dimension, dimension_value and is_complete.
  A value is complete where its mart says so and every feed that it rests on (int_metric_reach)
  reaches the end of the period.
  A value is final once nothing that is still to come can change it by design: its period is whole,
  the window of the metric (final_after_days in the seed) is over, and nothing of it is open.
#}
{%- set marts = [
    ('revenue_summary', "grain = 'week'", [
        ('weekly_revenue', 'revenue', 'net_revenue', 'net_revenue', 'null'),
        ('weekly_growth_rate_pct', 'revenue', 'growth_rate_pct',
            'net_revenue - previous_net_revenue', 'previous_net_revenue'),
        ('cwgr_pct', 'revenue', 'cwgr_pct', 'net_revenue', 'first_week_revenue'),
    ]),
    ('revenue_summary', "grain = 'month'", [
        ('monthly_revenue', 'revenue', 'net_revenue', 'net_revenue', 'null'),
        ('monthly_growth_rate_pct', 'revenue', 'growth_rate_pct',
            'net_revenue - previous_net_revenue', 'previous_net_revenue'),
    ]),
    ('revenue_summary', 'true', [
        ('ytd_revenue', 'revenue', 'ytd_revenue', 'ytd_revenue', 'null'),
        ('arpa', 'revenue', 'arpa', 'net_revenue', 'active_accounts'),
        ('active_accounts', 'customer', 'active_accounts', 'active_accounts', 'null'),
    ]),
    ('revenue_target_pace', 'true', [
        ('target_attainment_pct', 'revenue', 'target_attainment_pct', 'ytd_revenue', 'annual_target'),
        ('catch_up_cwgr_pct', 'revenue', 'catch_up_cwgr_pct', 'annual_target', 'ytd_revenue'),
        ('required_weekly_growth_pct', 'revenue', 'required_weekly_growth_pct',
            'annual_target - ytd_revenue', 'weekly_revenue'),
    ]),
    ('recurring_revenue', 'true', [
        ('mrr', 'revenue', 'mrr', 'mrr', 'null'),
        ('arr', 'revenue', 'arr', 'arr', 'null'),
    ]),
    ('mrr_waterfall', 'true', [
        ('arr_opening', 'revenue', '12 * opening_mrr', '12 * opening_mrr', 'null'),
        ('arr_new', 'revenue', '12 * new_mrr', '12 * new_mrr', 'null'),
        ('arr_reactivation', 'revenue', '12 * reactivation_mrr', '12 * reactivation_mrr', 'null'),
        ('arr_expansion', 'revenue', '12 * expansion_mrr', '12 * expansion_mrr', 'null'),
        ('arr_contraction', 'revenue', '12 * contraction_mrr', '12 * contraction_mrr', 'null'),
        ('arr_churn', 'revenue', '12 * churn_mrr', '12 * churn_mrr', 'null'),
    ]),
    ('nrr_summary', 'true', [
        ('nrr_pct', 'revenue', 'nrr_pct', 'cohort_closing_mrr', 'cohort_opening_mrr'),
        ('grr_pct', 'revenue', 'grr_pct', 'cohort_kept_mrr', 'cohort_opening_mrr'),
        ('logo_retention_pct', 'revenue', 'logo_retention_pct',
            'cohort_kept_accounts', 'cohort_accounts'),
        ('logo_churn_rate_pct', 'revenue', 'monthly_logo_churn_pct',
            'trailing_churned_accounts', 'trailing_account_months'),
    ]),
    ('lifetime_value_summary', 'true', [
        ('cltv', 'revenue', 'cltv', 'monthly_arpa', 'null'),
        ('cltv_observed', 'revenue', 'cltv_observed', '100 * monthly_arpa', 'monthly_logo_churn_pct'),
    ]),
    ('account_signups', "grain = 'week'", [
        ('weekly_signups', 'customer', 'signups', 'signups', 'null'),
    ]),
    ('account_signups', "grain = 'month'", [
        ('monthly_signups', 'customer', 'signups', 'signups', 'null'),
    ]),
    ('adoption_cohorts', 'true', [
        ('adoption_rate_pct', 'customer', 'adoption_rate_pct', 'adopted_accounts', 'cohort_accounts'),
    ]),
    ('account_retention', "comparison = 'previous_period'", [
        ('retention_rate_pct', 'customer', 'retention_rate_pct', 'retained_accounts', 'base_accounts'),
        ('usage_retention_rate_pct', 'customer', 'usage_retention_rate_pct',
            'later_tokens', 'base_tokens'),
    ]),
    ('cs_score_summary', 'true', [
        ('cs_score', 'customer', 'cs_score', 'null', 'null'),
        ('csat_response_score', 'customer', 'csat_response_score', 'null', 'survey_count'),
    ]),
    ('time_to_value_summary', "population = 'observed'", [
        ('time_to_value_p50_days', 'product_performance', 'time_to_value_p50_days',
            'null', 'account_count'),
        ('time_to_value_p90_days', 'product_performance', 'time_to_value_p90_days',
            'null', 'account_count'),
        ('time_to_value_p100_days', 'product_performance', 'time_to_value_p100_days',
            'null', 'account_count'),
    ]),
    ('time_to_value_summary', "population = 'all'", [
        ('time_to_value_all_p50_days', 'product_performance', 'time_to_value_p50_days',
            'null', 'account_count'),
        ('time_to_value_all_p90_days', 'product_performance', 'time_to_value_p90_days',
            'null', 'account_count'),
        ('time_to_value_all_p100_days', 'product_performance', 'time_to_value_p100_days',
            'null', 'account_count'),
    ]),
    ('request_performance', 'true', [
        ('requests', 'product_performance', 'request_count', 'request_count', 'null'),
        ('error_rate_pct', 'product_performance', 'error_rate_pct', 'error_count', 'request_count'),
        ('throttle_rate_pct', 'product_performance', 'throttle_rate_pct',
            'throttled_count', 'request_count'),
        ('unavailable_rate_pct', 'product_performance', 'unavailable_rate_pct',
            'unavailable_count', 'request_count'),
        ('latency_p50_ms', 'product_performance', 'latency_p50_ms', 'null', 'latency_count'),
        ('latency_p90_ms', 'product_performance', 'latency_p90_ms', 'null', 'latency_count'),
        ('latency_p99_ms', 'product_performance', 'latency_p99_ms', 'null', 'latency_count'),
    ]),
    ('throttle_top_decile', 'true', [
        ('throttle_rate_top_decile_pct', 'product_performance', 'top_decile_throttle_rate_pct',
            'top_decile_throttled_count', 'top_decile_request_count'),
    ]),
    ('availability_summary', 'true', [
        ('uptime_pct', 'product_performance', 'uptime_pct',
            'period_minutes - downtime_minutes', 'period_minutes'),
        ('mttr_minutes', 'product_performance', 'mttr_minutes',
            'recovery_minutes', 'resolved_incident_count'),
        ('incident_count', 'product_performance', 'incident_count', 'incident_count', 'null'),
    ]),
    ('utilization_summary', 'true', [
        ('resource_utilization_p50_pct', 'product_performance', 'resource_utilization_p50_pct',
            'null', 'sample_count'),
        ('resource_utilization_p90_pct', 'product_performance', 'resource_utilization_p90_pct',
            'null', 'sample_count'),
        ('resource_utilization_peak_pct', 'product_performance', 'resource_utilization_peak_pct',
            'null', 'sample_count'),
    ]),
    ('ticket_summary', 'true', [
        ('ticket_volume', 'product_performance', 'ticket_count', 'ticket_count', 'null'),
        ('platform_ticket_volume', 'product_performance', 'platform_ticket_count',
            'platform_ticket_count', 'null'),
        ('ticket_resolution_hours', 'product_performance', 'mean_resolution_hours',
            'resolution_hours_sum', 'resolved_ticket_count'),
    ]),
    ('sla_adherence', "clock = 'policy' and dimension not in ('priority', 'category')", [
        ('sla_adherence_pct', 'product_performance', 'sla_adherence_pct',
            'met_count', 'met_count + breached_count'),
        ('first_response_adherence_pct', 'product_performance', 'first_response_adherence_pct',
            'first_response_met_count',
            'first_response_met_count + first_response_breached_count'),
    ]),
    ('feature_engagement', 'true', [
        ('adoption_depth', 'product_performance', 'adoption_depth_pct',
            'features_used_sum', 'active_accounts * available_features'),
        ('feature_breadth', 'product_performance', 'feature_breadth_pct',
            'used_features', 'available_features'),
    ]),
    ('flow_abandonment', 'true', [
        ('abandonment_rate_pct', 'product_performance', 'abandonment_rate_pct',
            'abandoned_flows', 'judged_flows'),
    ]),
] %}
{#- What is still open and will change the value of a metric when it closes: columns of its mart. #}
{%- set open_counts = {
    'cs_score': 'open_ticket_count + open_incident_count',
    'uptime_pct': 'open_downtime_count',
    'mttr_minutes': 'incident_count - resolved_incident_count',
    'ticket_resolution_hours': 'open_ticket_count',
    'sla_adherence_pct': 'active_count',
    'first_response_adherence_pct': 'first_response_active_count',
} %}
{#- Metrics with another clock than the others of their mart. -#}
{%- set complete = {'csat_response_score': 'is_survey_complete'} %}
with as_of as (

    select * from {{ ref('int_as_of') }}

),

definitions as (

    select
        metric,
        coalesce(final_after_days, 0) as final_after_days
    from {{ ref('metric_definitions') }}

),

periods as (

    select
        grain,
        period_start,
        period_end
    from {{ ref('int_period') }}

),

reaches as (

    select * from {{ ref('int_metric_reach') }}

),

unpivoted as (

    {%- for mart, condition, metrics in marts %}
    {%- set outer_last = loop.last %}
    {%- for metric, layer, value, numerator, denominator in metrics %}

    select
        '{{ metric }}' as metric,
        '{{ layer }}' as layer,
        grain,
        period_start,
        dimension,
        dimension_value,
        {{ complete.get(metric, 'is_complete') }} as is_complete,
        cast({{ value }} as numeric(38, 6)) as value,
        cast({{ numerator }} as numeric(38, 6)) as numerator,
        cast({{ denominator }} as numeric(38, 6)) as denominator,
        cast({{ open_counts.get(metric, 0) }} as bigint) as open_count
    from {{ ref(mart) }}
    where {{ condition }}
    {%- if not (outer_last and loop.last) %}

    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}

),

dated as (

    select
        unpivoted.*,
        periods.period_end,
        cast(
            periods.period_end + definitions.final_after_days * interval '1 day' as date
        ) as final_date,
        as_of.as_of_date,
        -- Feeds that were never delivered hold up nothing.
        coalesce(reaches.last_date, as_of.as_of_date) as last_date,
        reaches.days_behind
    from unpivoted
    left join periods
        on
            unpivoted.grain = periods.grain
            and unpivoted.period_start = periods.period_start
    left join definitions
        on unpivoted.metric = definitions.metric
    left join reaches
        on
            unpivoted.metric = reaches.metric
            and unpivoted.dimension = reaches.dimension
    cross join as_of

),

-- A metric that has no value in a period (no week before, no ticket resolved) has no row.
final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'metric', 'grain', 'period_start', 'dimension', 'dimension_value'
        ]) }} as metric_value_key,
        metric,
        layer,
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete and period_end <= last_date as is_complete,
        is_complete and open_count = 0 and final_date <= last_date as is_final,
        cast(
            case when period_end > last_date and period_end <= as_of_date then days_behind end
            as integer
        ) as days_behind,
        final_date,
        open_count,
        value,
        numerator,
        denominator
    from dated
    where value is not null

)

select * from final
