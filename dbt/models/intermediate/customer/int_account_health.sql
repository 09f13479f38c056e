-- Grain: one row per account in force and day of the health history, and of the 30 days before it.
{#
  A component, or a part of one, that was not measured takes no part, and coverage_pct says so; below
  health_min_coverage_pct there is no score at all. docs/health.md gives every rule.
  *_loss: points of the score that each part of a component has cost.
#}
{%- set support = setting('health_support_points') %}
{%- set revenue = setting('health_revenue_points') %}
{#- What must hold, and cost of each part; a part of what is not measured has cost nothing. -#}
{%- set losses = {
    'usage': ('is_usage_measured', '0.30 * (100 - usage_points)'),
    'active_days': ('is_used', '0.25 * (100 - active_days_points) / engagement_parts'),
    'feature': ('is_used', '0.25 * (100 - feature_points) / engagement_parts'),
    'nps': ('is_used', '0.25 * (100 - nps_points) / engagement_parts'),
    'open_ticket': ('is_support_measured', '0.20 * ' ~ lesser('open_ticket_points', '100')),
    'escalation': ('is_support_measured', '0.20 * ' ~ lesser('escalation_points', '100')),
    'sla_breach': ('is_support_measured', '0.20 * ' ~ lesser('sla_breach_points', '100')),
    'rating': ('is_support_measured', '0.20 * ' ~ lesser('rating_points', '100')),
    'contraction': (
        'is_revenue_measured',
        '0.25 * ' ~ lesser(greater('0 - movement_points', '0'), revenue.unchanged | string)
    ),
    'overdue': ('is_revenue_measured', '0.25 * overdue_points'),
} %}
with measured as (select * from {{ ref('int_account_day_measures') }}),

-- What each part takes from the 100 points of its component, and the points of those of engagement.
parts as (

    select
        *,
        {{ lesser('100', '100 * events_per_user_day / full_events_per_user_day') }}
            as usage_points,
        {{ support.open_ticket }} * open_tickets as open_ticket_points,
        {{ support.escalation }} * escalated_tickets as escalation_points,
        {{ support.sla_breach }} * sla_breaches_30d as sla_breach_points,
        {{ support.rating_below_4 }} * {{ greater('4 - mean_rating_90d', '0') }} as rating_points,
        case
            when mrr_change_pct >= 0 then {{ revenue.growth_pct }} * mrr_change_pct
            else {{ revenue.contraction_pct }} * mrr_change_pct
        end as movement_points,
        case when overdue_invoices > 0 then {{ revenue.overdue }} else 0 end as overdue_points,
        {%- for measure in ['active_days', 'feature_breadth'] %}
        {{ lesser(
            '100',
            'cast(100 * cast(' ~ measure ~ '_pct as numeric(18, 6)) / full_' ~ measure ~ '_pct as numeric(18, 9))'
        ) }} as {{ measure | replace('_breadth', '') }}_points,
        {%- endfor %}
        case when is_used then cast(10 * mean_nps_90d as numeric(24, 9)) end as nps_points
    from measured

),

counted as (

    select
        *,
        usage_points is not null as is_usage_measured,
        case when active_days_points is null then 0 else 1 end
        + case when feature_points is null then 0 else 1 end
        + case when nps_points is null then 0 else 1 end as engagement_parts
    from parts

),

-- Engagement is the mean of its parts; what support and revenue lose, they lose for what is known.
components as (

    select
        *,
        cast(usage_points as numeric(18, 6)) as usage_score,
        cast(
            case
                when is_support_measured
                    then {{ greater(
                        '100 - open_ticket_points - escalation_points'
                        ~ ' - coalesce(sla_breach_points, 0) - coalesce(rating_points, 0)',
                        '0'
                    ) }}
            end as numeric(18, 6)
        ) as support_score,
        cast(
            case
                when is_revenue_measured
                    then {{ lesser(
                        greater(revenue.unchanged ~ ' + movement_points - overdue_points', '0'),
                        '100'
                    ) }}
            end as numeric(18, 6)
        ) as revenue_score,
        cast(
            (
                coalesce(active_days_points, 0) + coalesce(feature_points, 0)
                + coalesce(nps_points, 0)
            ) / nullif(engagement_parts, 0) as numeric(18, 6)
        ) as engagement_score,
        30 * cast(is_usage_measured as integer) + 20 * cast(is_support_measured as integer)
        + 25 * cast(is_revenue_measured as integer) + 25 * cast(engagement_parts > 0 as integer)
            as measured_weight,
        -- The weight of a component is that of its parts together, each the same.
        cast(
            30 * cast(is_usage_measured as integer)
            + case
                when is_used
                    then
                        25 * (
                            cast(active_days_points is not null as integer)
                            + cast(feature_points is not null as integer)
                            + cast(is_nps_asked as integer)
                        ) / cast(3 as numeric(18, 6))
                else 0
            end
            + case
                when is_support_measured
                    then
                        20 * (
                            2 + cast(sla_breach_points is not null as integer)
                            + cast(is_rating_asked as integer)
                        ) / cast(4 as numeric(18, 6))
                else 0
            end
            + case
                when is_revenue_measured
                    then
                        25 * (1 + cast(overdue_invoices is not null as integer))
                        / cast(2 as numeric(18, 6))
                else 0
            end as numeric(18, 6)
        ) as coverage_pct
    from counted

),

scored as (

    select
        *,
        case
            when coverage_pct >= {{ setting('health_min_coverage_pct') }}
                then
                    {{ calculate_health_score(
                        'usage_score', 'support_score', 'revenue_score', 'engagement_score'
                    ) }}
        end as health_score,
        cast(100 / nullif(cast(measured_weight as numeric(18, 6)), 0) as numeric(18, 12))
            as loss_factor
    from components

),

final as (

    select
        account_id,
        day_date,
        day_end_at,
        is_history,
        status,
        mrr,
        health_score,
        usage_score,
        support_score,
        revenue_score,
        engagement_score,
        coverage_pct,
        is_usage_measured,
        is_support_measured,
        is_revenue_measured,
        events_30d,
        events_previous_30d,
        users_90d,
        events_per_user_day,
        active_days_30d,
        active_days_pct,
        features_30d,
        available_features,
        feature_breadth_pct,
        open_tickets,
        escalated_tickets,
        escalations_30d,
        sla_breaches_30d,
        mean_rating_90d,
        mean_nps_90d,
        mrr_change_pct,
        contraction_months,
        {%- for name, (condition, points) in losses.items() %}
        cast(
            case when {{ condition }} then coalesce(loss_factor * {{ points }}, 0) else 0 end
            as numeric(18, 6)
        ) as {{ name }}_loss,
        {%- endfor %}
        overdue_invoices
    from scored

)

select * from final
