-- Grain: one row per account in force (active or suspended) as of the as-of day.
{#
  A near renewal is no signal of its own: it raises the level of an account that has one. A signal
  whose source was never delivered is unknown, and so is a level that no known signal decides: low,
  0 signals and nothing due are said only where every source of a signal was ever delivered.
  docs/health.md gives every rule.
#}
{%- set decline = setting('risk_usage_decline_pct') %}
with as_of as (select * from {{ ref('int_as_of') }}),

-- Activities are known as far as their own feed reaches.
activities_known as (

    {{ known_as_of(['cs_activities']) }}

),

health as (

    select * from {{ ref('customer_health_scores') }}
    where is_latest

),

-- A monthly contract renews every month; only its end is news.
renewals as (

    select
        account_id,
        min(due_date) as next_renewal_date,
        min(due_date) filter (where renewal_status = 'ending') as contract_end_date,
        bool_or(renewal_status = 'ending') as has_notice,
        bool_or(
            (plan_type <> 'monthly' or renewal_status = 'ending')
            and days_until_due <= {{ setting('risk_renewal_near_days') }}
        ) as is_renewal_near
    from {{ ref('renewal_calendar') }}
    group by account_id

),

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
        renewals.next_renewal_date,
        renewals.contract_end_date,
        {{ unless_never_delivered('renewals.has_notice', 'false', 'subscriptions') }} as has_notice,
        {{ unless_never_delivered('renewals.is_renewal_near', 'false', 'subscriptions') }}
            as is_renewal_near,
        touches.last_touch_date,
        {{ unless_never_delivered(
            'touches.overdue_activities', '0', 'customer_success_activities'
        ) }} as overdue_activities,
        {{ is_delivered('product_usage_events') }} and {{ is_delivered('support_tickets') }}
        and {{ is_delivered('subscriptions') }} as has_signals,
        replace(touches.overdue_activity_type, '_', ' ') as overdue_activity_type,
        touches.overdue_since_date,
        case
            when
                health.events_per_user_day is not null
                and health.events_previous_30d >= {{ setting('risk_usage_min_events') }}
                then {{ pct(
                    'health.events_30d - health.events_previous_30d', 'health.events_previous_30d'
                ) }}
        end as usage_change_pct
    from health
    cross join as_of
    cross join activities_known
    inner join {{ ref('dim_account') }} as accounts
        on health.account_id = accounts.account_id
    left join renewals
        on health.account_id = renewals.account_id
    left join touches
        on health.account_id = touches.account_id

),

flagged as (

    select
        *,
        health_score < {{ setting('risk_low_health_below') }} as is_low_health,
        case
            when events_30d is not null
                then
                    coalesce(usage_change_pct <= -1 * {{ decline }}, false)
        end as is_usage_declining,
        escalated_tickets > 0 or escalations_30d > 0 as has_escalations,
        contraction_months > 0 as has_revenue_contraction
    from joined

),

counted as (

    select
        *,
        {%- for signal in [
            'is_low_health', 'is_usage_declining', 'has_escalations', 'has_revenue_contraction',
            'has_notice',
        ] %}
        {{ '+ ' if not loop.first }}case when {{ signal }} then 1 else 0 end
        {%- endfor %} as risk_signal_count
    from flagged

),

levelled as (

    select
        *,
        case
            when
                health_score < {{ setting('health_tiers').at_risk }}
                or has_notice
                or risk_signal_count >= 3
                or (risk_signal_count = 2 and is_renewal_near)
                then 'critical'
            when
                is_low_health
                or is_usage_declining
                or risk_signal_count = 2
                or (risk_signal_count = 1 and is_renewal_near)
                then 'high'
            when
                risk_signal_count = 1
                or health_score < {{ setting('health_tiers').healthy }}
                then 'medium'
            when health_score is null or not has_signals then 'unknown'
            else 'low'
        end as risk_level
    from counted

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
        cast(
            case
                when risk_signal_count > 0 or (has_signals and is_low_health is not null)
                    then risk_signal_count
            end as integer
        ) as risk_signal_count,
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
    from levelled

)

select * from final
