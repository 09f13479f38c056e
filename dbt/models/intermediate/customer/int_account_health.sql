-- Grain: one row per account in force and day of the health history, and of the 30 days before it.
{#
  A component that was not measured stands at a neutral 50, and its flag says so; below
  health_min_coverage_pct there is no score at all. docs/health.md gives every rule.
  *_loss: points of the score that each part of a component has cost.
#}
{%- set support = var('health_support_points') %}
{%- set revenue = var('health_revenue_points') %}
with account_days as (

    select * from {{ ref('int_account_day') }}
    where
        is_scored
        and status is not null

),

measured as (

    select
        account_days.account_id,
        account_days.day_date,
        account_days.day_end_at,
        account_days.is_history,
        account_days.status,
        account_days.mrr,
        usage.is_measured as is_usage_measured,
        tickets.is_measured as is_support_measured,
        revenue.is_measured as is_revenue_measured,
        usage.events_30d,
        usage.events_previous_30d,
        usage.users_90d,
        usage.active_days_30d,
        usage.features_30d,
        usage.available_features,
        case
            when usage.is_measured
                then
                    cast(
                        usage.events_30d / cast(
                            greatest(usage.users_90d, 1) * usage.observed_days as numeric(18, 6)
                        ) as numeric(18, 6)
                    )
        end as events_per_user_day,
        case
            when usage.is_measured then {{ pct('usage.active_days_30d', 'usage.observed_days') }}
        end as active_days_pct,
        case
            when usage.is_measured then {{ pct('usage.features_30d', 'usage.available_features') }}
        end as feature_breadth_pct,
        tickets.open_tickets,
        tickets.escalated_tickets,
        tickets.escalations_30d,
        tickets.sla_breaches_30d,
        tickets.mean_rating_90d,
        tickets.mean_nps_90d,
        revenue.mrr_change_pct,
        revenue.contraction_months,
        revenue.overdue_invoices
    from account_days
    inner join {{ ref('int_account_day_usage') }} as usage
        on
            account_days.account_id = usage.account_id
            and account_days.day_date = usage.day_date
    inner join {{ ref('int_account_day_support') }} as tickets
        on
            account_days.account_id = tickets.account_id
            and account_days.day_date = tickets.day_date
    inner join {{ ref('int_account_day_revenue') }} as revenue
        on
            account_days.account_id = revenue.account_id
            and account_days.day_date = revenue.day_date

),

-- What each part takes from the 100 points of its component.
parts as (

    select
        *,
        least(
            100, 100 * events_per_user_day / {{ var('health_full_events_per_user_day') }}
        ) as usage_points,
        {{ support.open_ticket }} * open_tickets as open_ticket_points,
        {{ support.escalation }} * escalated_tickets as escalation_points,
        {{ support.sla_breach }} * sla_breaches_30d as sla_breach_points,
        {{ support.rating_below_4 }} * greatest(4 - coalesce(mean_rating_90d, 4), 0)
            as rating_points,
        case
            when mrr_change_pct >= 0 then {{ revenue.growth_pct }} * mrr_change_pct
            else {{ revenue.contraction_pct }} * mrr_change_pct
        end as movement_points,
        case when overdue_invoices > 0 then {{ revenue.overdue }} else 0 end as overdue_points,
        least(100, 100 * active_days_pct / {{ var('health_full_active_days_pct') }})
            as active_days_points,
        least(100, 100 * feature_breadth_pct / {{ var('health_full_feature_breadth_pct') }})
            as feature_points,
        10 * mean_nps_90d as nps_points
    from measured

),

-- Engagement is the mean of its parts; a survey that nobody answered is none of them.
components as (

    select
        *,
        cast(case when is_usage_measured then usage_points else 50 end as numeric(18, 6))
            as usage_score,
        cast(
            case
                when is_support_measured
                    then
                        greatest(
                            100 - open_ticket_points - escalation_points - sla_breach_points
                            - rating_points,
                            0
                        )
                else 50
            end as numeric(18, 6)
        ) as support_score,
        cast(
            case
                when is_revenue_measured
                    then
                        least(
                            greatest(
                                {{ revenue.unchanged }} + movement_points - overdue_points, 0
                            ),
                            100
                        )
                else 50
            end as numeric(18, 6)
        ) as revenue_score,
        case when nps_points is null then 2 else 3 end as engagement_parts,
        cast(
            case
                when is_usage_measured
                    then
                        (active_days_points + feature_points + coalesce(nps_points, 0))
                        / case when nps_points is null then 2 else 3 end
                else 50
            end as numeric(18, 6)
        ) as engagement_score,
        30 * cast(is_usage_measured as integer) + 20 * cast(is_support_measured as integer)
        + 25 * cast(is_revenue_measured as integer) + 25 * cast(is_usage_measured as integer)
            as coverage_pct
    from parts

),

scored as (

    select
        *,
        case
            when coverage_pct >= {{ var('health_min_coverage_pct') }}
                then
                    {{ calculate_health_score(
                        'usage_score', 'support_score', 'revenue_score', 'engagement_score'
                    ) }}
        end as health_score
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
        overdue_invoices,
        case when is_usage_measured then 0.30 * (100 - usage_points) else 0 end as usage_loss,
        case
            when is_usage_measured then 0.25 * (100 - active_days_points) / engagement_parts else 0
        end as active_days_loss,
        case
            when is_usage_measured then 0.25 * (100 - feature_points) / engagement_parts else 0
        end as feature_loss,
        case
            when is_usage_measured
                then 0.25 * (100 - coalesce(nps_points, 100)) / engagement_parts
            else 0
        end as nps_loss,
        case when is_support_measured then 0.20 * least(open_ticket_points, 100) else 0 end
            as open_ticket_loss,
        case when is_support_measured then 0.20 * least(escalation_points, 100) else 0 end
            as escalation_loss,
        case when is_support_measured then 0.20 * least(sla_breach_points, 100) else 0 end
            as sla_breach_loss,
        case when is_support_measured then 0.20 * least(rating_points, 100) else 0 end
            as rating_loss,
        case
            when is_revenue_measured
                then 0.25 * least(greatest(0 - movement_points, 0), {{ revenue.unchanged }})
            else 0
        end as contraction_loss,
        case when is_revenue_measured then 0.25 * overdue_points else 0 end as overdue_loss
    from scored

)

select * from final
