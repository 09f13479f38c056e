-- Grain: one row per account in force (active or suspended) and day of the health history.
{#
  A near renewal is no signal of its own: it raises the level of an account that has one. A signal
  whose source was not delivered by the day is unknown, and so is a level that no known signal
  decides: low and 0 signals are said only where every source of a signal was. docs/health.md gives
  every rule.
#}
{%- set decline = setting('risk_usage_decline_pct') %}
with health as (

    select
        *,
        cast(health_score as numeric(18, 1)) as day_score
    from {{ ref('int_account_health') }}
    where is_history

),

-- A monthly contract renews every month; only its end is news.
renewals as (

    select
        account_id,
        day_date,
        min(due_date) as next_renewal_date,
        min(due_date) filter (where renewal_status = 'ending') as contract_end_date,
        bool_or(renewal_status = 'ending') as has_notice,
        bool_or(
            (plan_type <> 'monthly' or renewal_status = 'ending')
            and days_until_due <= {{ setting('risk_renewal_near_days') }}
        ) as is_renewal_near
    from {{ ref('int_renewal_day') }}
    group by account_id, day_date

),

-- From which day on every source of a signal, and that of contracts, was delivered.
delivered as (

    select
        case when count(*) = 3 then max(first_date) end as signals_date,
        min(first_date) filter (where bronze_table = 'subscriptions') as contracts_date
    from {{ ref('int_source_delivered') }}
    where bronze_table in ('product_usage_events', 'support_tickets', 'subscriptions')

),

joined as (

    select
        health.*,
        renewals.next_renewal_date,
        renewals.contract_end_date,
        case
            when health.day_date >= delivered.contracts_date
                then coalesce(renewals.has_notice, false)
        end as has_notice,
        case
            when health.day_date >= delivered.contracts_date
                then coalesce(renewals.is_renewal_near, false)
        end as is_renewal_near,
        coalesce(health.day_date >= delivered.signals_date, false) as has_signals,
        case
            when
                health.events_per_user_day is not null
                and health.events_previous_30d >= {{ setting('risk_usage_min_events') }}
                then {{ pct(
                    'health.events_30d - health.events_previous_30d', 'health.events_previous_30d'
                ) }}
        end as usage_change_pct
    from health
    cross join delivered
    left join renewals
        on {{ columns_equal('health', 'renewals', ['account_id', 'day_date']) }}

),

flagged as (

    select
        *,
        day_score < {{ setting('risk_low_health_below') }} as is_low_health,
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
        {%- endfor %} as signal_count
    from flagged

),

final as (

    select
        account_id,
        day_date,
        is_low_health,
        is_usage_declining,
        has_escalations,
        has_revenue_contraction,
        has_notice,
        is_renewal_near,
        usage_change_pct,
        next_renewal_date,
        contract_end_date,
        has_signals,
        cast(
            case
                when signal_count > 0 or (has_signals and is_low_health is not null)
                    then signal_count
            end as integer
        ) as risk_signal_count,
        case
            when
                day_score < {{ setting('health_tiers').at_risk }}
                or has_notice
                or signal_count >= 3
                or (signal_count = 2 and is_renewal_near)
                then 'critical'
            when
                is_low_health
                or is_usage_declining
                or signal_count = 2
                or (signal_count = 1 and is_renewal_near)
                then 'high'
            when
                signal_count = 1
                or day_score < {{ setting('health_tiers').healthy }}
                then 'medium'
            when day_score is null or not has_signals then 'unknown'
            else 'low'
        end as risk_level
    from counted

)

select * from final
