-- Grain: one row per account in force (active or suspended) as of the as-of day.
{# Signals and levels are those of int_account_risk on its last day; the rules: docs/health.md. #}
with as_of as (select * from {{ ref('int_as_of') }}),

-- Activities are known as far as their own feed reaches.
activities_known as (

    {{ known_as_of(['cs_activities']) }}

),

health as (

    select * from {{ ref('customer_health_scores') }}
    where is_latest

),

risks as (select * from {{ ref('int_account_risk') }}),

activities as (

    select
        *,
        row_number() over (
            partition by account_id, is_overdue
            order by due_at nulls last, activity_id nulls last
        ) = 1 and is_overdue as is_oldest_overdue
    from {{ ref('fct_cs_activities') }}

),

touches as (

    select
        account_id,
        max(done_date) as last_touch_date,
        count(*) filter (where is_overdue) as overdue_activities,
        max(activity_type) filter (where is_oldest_overdue) as overdue_activity_type,
        max(due_date) filter (where is_oldest_overdue) as overdue_since_date
    from activities
    group by account_id

),

joined as (

    select
        health.*,
        as_of.as_of_date,
        activities_known.as_of_date as activities_known_to_date,
        accounts.account_name,
        accounts.owner_name,
        accounts.segment,
        accounts.plan_tier,
        accounts.home_region,
        risks.risk_level,
        risks.risk_signal_count,
        risks.is_low_health,
        risks.is_usage_declining,
        risks.has_escalations,
        risks.has_revenue_contraction,
        risks.has_notice,
        risks.is_renewal_near,
        risks.has_signals,
        risks.usage_change_pct,
        risks.next_renewal_date,
        risks.contract_end_date,
        touches.last_touch_date,
        {{ unless_never_delivered(
            'touches.overdue_activities', '0', 'customer_success_activities'
        ) }} as overdue_activities,
        replace(touches.overdue_activity_type, '_', ' ') as overdue_activity_type,
        touches.overdue_since_date
    from health
    cross join as_of
    cross join activities_known
    inner join {{ ref('dim_account') }} as accounts
        on health.account_id = accounts.account_id
    left join risks
        on
            health.account_id = risks.account_id
            and health.score_date = risks.day_date
    left join touches
        on health.account_id = touches.account_id

),

final as (

    select
        account_id,
        account_name,
        owner_name,
        segment,
        plan_tier,
        home_region,
        status,
        risk_level,
        risk_signal_count,
        is_low_health,
        is_usage_declining,
        has_escalations,
        has_revenue_contraction,
        has_notice,
        is_renewal_near,
        mrr,
        cast(12 * mrr as numeric(24, 6)) as arr,
        {%- set is_at_risk = "when risk_level in ('critical', 'high') then" %}
        {%- set is_known = "when risk_level <> 'unknown' and has_signals then 0" %}
        cast(case {{ is_at_risk }} mrr {{ is_known }} end as numeric(24, 6)) as mrr_at_risk,
        cast(case {{ is_at_risk }} 12 * mrr {{ is_known }} end as numeric(24, 6)) as arr_at_risk,
        health_score,
        health_tier,
        health_score_change_30d,
        reasons,
        usage_change_pct,
        escalations_30d,
        contraction_months,
        overdue_invoices,
        next_renewal_date,
        {{ days_between('as_of_date', 'next_renewal_date') }} as days_until_renewal,
        last_touch_date,
        {{ days_between('last_touch_date', 'activities_known_to_date') }} as days_since_touch,
        cast(overdue_activities as bigint) as overdue_activities,
        case
            when has_notice
                then
                    'Win back before the contract ends on '
                    || cast(contract_end_date as varchar(10))
            when overdue_activities > 0
                then
                    'Do the ' || overdue_activity_type || ' that was due on '
                    || cast(overdue_since_date as varchar(10))
            when has_escalations then 'Take the escalated ticket to the end and call the customer'
            when is_usage_declining
                then
                    'Ask why use fell by '
                    || cast(cast(round(-usage_change_pct) as integer) as varchar(10)) || ' %'
            when has_revenue_contraction then 'Review with the customer what the smaller plan lacks'
            when overdue_invoices > 0 then 'Settle the overdue invoice'
            when is_low_health then 'Make a health check: ' || reasons
            when is_renewal_near
                then 'Prepare the renewal of ' || cast(next_renewal_date as varchar(10))
            when not {{ is_delivered('customer_success_activities') }} then null
            when last_touch_date is null then 'Get in touch for the first time'
            when
                {{ days_between('last_touch_date', 'activities_known_to_date') }}
                > {{ setting('risk_max_days_without_touch') }}
                then 'Get in touch, last done on ' || cast(last_touch_date as varchar(10))
            -- Who has not been told of for so long may have been called since.
            when
                {{ days_between('last_touch_date', 'as_of_date') }}
                > {{ setting('risk_max_days_without_touch') }}
                then null
            when has_signals and {{ is_delivered('invoices') }} then 'None due'
        end as next_step
    from joined

)

select * from final
