-- Grain: one row per account and complete ISO week of o2r_account_week.
{#
  The actionable metrics of the driver map for one account and week, each by the formula of its metric,
  or by what the metric counts accounts by; null where nothing was at risk. Beside them
  what they are said to drive. Columns are named after the metrics.
#}
{%- set key = ['account_id', 'week_start'] %}
with weeks as (select * from {{ ref('o2r_account_week') }}),

tickets as (

    select
        account_id,
        {{ period_of('created_date', "'week'") }} as week_start,
        count(*) as tickets,
        count(*) filter (where is_open) as open_tickets,
        count(escalated_at) as escalated,
        {{ ratio('sum(resolution_hours)', 'count(resolution_hours)') }} as resolution_hours,
        count(*) filter (where reopen_count = 0 and escalated_at is null and not is_open)
            as first_contacts,
        count(*) filter (where reopen_count is not null and not is_open) as judged_contacts,
        {{ ratio('sum(csat)', 'count(csat)') }} as csat
    from {{ ref('fct_tickets') }}
    group by 1, 2

),

activities as (

    select
        account_id,
        {{ period_of('due_date', "'week'") }} as week_start,
        count(*) filter (where is_done) as reviews_done,
        count(*) as reviews_due
    from {{ ref('fct_cs_activities') }}
    where
        activity_type = 'qbr'
        and due_date is not null
    group by 1, 2

),

checks as (

    select
        account_id,
        {{ period_of('done_date', "'week'") }} as week_start,
        count(*) as checks
    from {{ ref('fct_cs_activities') }}
    where
        activity_type = 'health_check'
        and done_date is not null
    group by 1, 2

),

health as (

    select
        health.account_id,
        {{ period_of('health.score_date', "'week'") }} as week_start,
        health.health_score,
        risks.risk_level
    from {{ ref('customer_health_scores') }} as health
    inner join {{ ref('int_account_risk') }} as risks
        on
            health.account_id = risks.account_id
            and health.score_date = risks.day_date
    where
        {{ iso_dow('health.score_date') }} = 7
        and {{ are_delivered(health_tables()) }}

),

models as (

    select
        account_id,
        {{ period_of('usage_date', "'week'") }} as week_start,
        count(distinct model_variant) as models_used
    from {{ ref('fct_usage_daily') }}
    group by 1, 2

),

product as (

    select
        *,
        period_start as week_start
    from {{ ref('fct_account_product_period') }}
    where grain = 'week'

),

roi as (

    select
        account_id,
        {{ period_of('answered_date', "'week'") }} as week_start,
        {{ ratio('sum(score_100)', 'count(score_100)') }} as roi_score
    from {{ ref('fct_survey_responses') }}
    where survey_type = 'roi'
    group by 1, 2

),

joined as (

    select
        weeks.*,
        tickets.tickets,
        tickets.open_tickets,
        tickets.escalated,
        tickets.resolution_hours,
        tickets.first_contacts,
        tickets.judged_contacts,
        tickets.csat,
        activities.reviews_done,
        activities.reviews_due,
        health.health_score,
        health.risk_level,
        models.models_used,
        product.features_used,
        product.available_features,
        product.active_users,
        product.timed_users,
        product.session_seconds,
        sum(coalesce(checks.checks, 0)) over (
            partition by weeks.account_id order by weeks.week_start nulls last
            rows between 12 preceding and current row
        ) as quarter_checks,
        {%- for column in [
            'weeks.request_count', 'weeks.total_tokens', 'product.active_users', 'weeks.week_start',
        ] %}
        lag({{ column }}) over (partition by weeks.account_id order by weeks.week_start nulls last)
            as previous_{{ column.split('.')[1] }},
        {%- endfor %}
        roi.roi_score
    from weeks
    left join tickets
        on {{ columns_equal('weeks', 'tickets', key) }}
    left join activities
        on {{ columns_equal('weeks', 'activities', key) }}
    left join checks
        on {{ columns_equal('weeks', 'checks', key) }}
    left join health
        on {{ columns_equal('weeks', 'health', key) }}
    left join models
        on {{ columns_equal('weeks', 'models', key) }}
    left join product
        on {{ columns_equal('weeks', 'product', key) }}
    left join roi
        on {{ columns_equal('weeks', 'roi', key) }}

),

compared as (

    select
        *,
        cast(previous_week_start + interval '7 day' as date) = week_start as is_week_after
    from joined

),

final as (

    select
        account_id,
        week_start,
        error_rate_pct,
        ticket_count as tickets_per_account,
        {{ pct('escalated', 'tickets') }} as escalation_rate_pct,
        case when open_tickets = 0 then cast(resolution_hours as numeric(18, 6)) end
            as ticket_resolution_hours,
        {{ pct('first_contacts', 'judged_contacts') }} as first_contact_resolution_rate_pct,
        {{ survey_score_100("'csat'", 'csat') }} as support_satisfaction_score,
        health_score as account_health_score,
        case
            when risk_level in ('critical', 'high') then 1
            when risk_level <> 'unknown' then 0
        end as at_risk_accounts,
        {{ pct('reviews_done', 'reviews_due') }} as qbr_completion_rate_pct,
        cast(
            {{ unless_never_delivered('quarter_checks', '0', 'customer_success_activities') }}
            as bigint
        ) as health_check_frequency,
        case when models_used >= 2 then 100 when models_used = 1 then 0 end
            as multi_model_adoption_rate_pct,
        {{ pct('features_used', 'available_features') }} as feature_adoption_rate_pct,
        {{ ratio('cast(session_seconds as numeric(24, 6)) / 3600', 'timed_users') }}
            as time_in_product_hours,
        {%- for column, metric in {
            'request_count': 'api_call_growth_pct',
            'total_tokens': 'token_growth_per_account_pct',
            'active_users': 'internal_user_growth_pct',
        }.items() %}
        case
            when is_week_after
                then {{ pct(column ~ ' - previous_' ~ column, 'previous_' ~ column) }}
        end as {{ metric }},
        {%- endfor %}
        cast(roi_score as numeric(18, 6)) as customer_reported_roi_score,
        cs_score,
        case when is_churned then 0 when not is_churned then 1 end as stays,
        -- A week without a request says nothing about how much an account uses.
        cast(
            case
                when request_count > 0 then ln(1 + cast(total_tokens as {{ type_double() }}))
            end
            as numeric(18, 6)
        ) as log_tokens
    from compared

)

select * from final
