-- Grain: one row per account in force and day of the health history, and of the 30 days before it.
{# What health is judged by, side by side: use, support and revenue of the day, and full levels. #}
with account_days as (

    select * from {{ ref('int_account_day') }}
    where
        is_scored
        and status is not null

),

-- Of the company, in force on the as-of day; what is not stated is null, and its part unmeasured.
levels as (

    select
        stated.full_events_per_user_day,
        stated.full_active_days_pct,
        stated.full_feature_breadth_pct
    from {{ ref('int_as_of') }} as as_of
    left join {{ ref('stg_health_levels') }} as stated
        on
            as_of.as_of_date >= stated.valid_from
            and as_of.as_of_date < stated.valid_to

),

final as (

    select
        account_days.account_id,
        account_days.day_date,
        account_days.day_end_at,
        account_days.is_history,
        account_days.status,
        account_days.mrr,
        usage.is_measured as is_used,
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
                            {{ greater('usage.users_90d', '1') }} * usage.observed_days
                            as numeric(18, 6)
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
        tickets.is_rating_asked,
        tickets.is_nps_asked,
        revenue.mrr_change_pct,
        revenue.contraction_months,
        revenue.overdue_invoices,
        levels.full_events_per_user_day,
        levels.full_active_days_pct,
        levels.full_feature_breadth_pct
    from account_days
    cross join levels
    inner join {{ ref('int_account_day_usage') }} as usage
        on {{ columns_equal('account_days', 'usage', ['account_id', 'day_date']) }}
    inner join {{ ref('int_account_day_support') }} as tickets
        on {{ columns_equal('account_days', 'tickets', ['account_id', 'day_date']) }}
    inner join {{ ref('int_account_day_revenue') }} as revenue
        on {{ columns_equal('account_days', 'revenue', ['account_id', 'day_date']) }}

)

select * from final
