-- Grain: one row per account and day on which it became at risk, since activities of customer
-- success are observed.
{#
  At risk: critical or high (int_account_risk), after a day on which the level was known and
  `calm_days` without. Reached (done) when an outreach was done within `outreach_days`, before the
  account escalated a ticket itself; waiting while these days are not over.
#}
{%- set outreach_days, calm_days = 14, 14 %}
with known as (

    {{ known_as_of(['cs_activities']) }}

),

coverage as (

    select first_date
    from {{ ref('int_source_delivered') }}
    where bronze_table = 'customer_success_activities'

),

activities as (select * from {{ ref('fct_cs_activities') }}),

levels as (

    select
        account_id,
        day_date,
        has_escalations,
        risk_level in ('critical', 'high') as is_at_risk,
        lag(risk_level) over (partition by account_id order by day_date nulls last) as level_before,
        max(case when risk_level in ('critical', 'high') then 1 else 0 end) over (
            partition by account_id order by day_date nulls last
            rows between {{ calm_days }} preceding and 1 preceding
        ) as was_at_risk
    from {{ ref('int_account_risk') }}

),

alarms as (

    select
        account_id,
        day_date,
        coalesce(has_escalations, false) as has_escalations
    from levels
    where
        is_at_risk
        and was_at_risk = 0
        and level_before <> 'unknown'
        and {{ are_delivered(health_tables()) }}

),

outreach as (

    select
        alarms.account_id,
        alarms.day_date,
        min(activities.done_date) as outreach_date
    from alarms
    inner join activities
        on
            alarms.account_id = activities.account_id
            and alarms.day_date <= activities.done_date
            and cast(alarms.day_date + interval '{{ outreach_days }} day' as date)
            >= activities.done_date
    where activities.activity_type = 'outreach'
    group by alarms.account_id, alarms.day_date

),

escalations as (

    select
        alarms.account_id,
        alarms.day_date,
        min(cast(tickets.escalated_at as date)) as escalated_date
    from alarms
    inner join {{ ref('fct_tickets') }} as tickets
        on
            alarms.account_id = tickets.account_id
            and alarms.day_date <= cast(tickets.escalated_at as date)
    group by alarms.account_id, alarms.day_date

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['alarms.account_id', 'alarms.day_date']) }}
            as risk_alarm_key,
        alarms.account_id,
        alarms.day_date as alarm_date,
        outreach.outreach_date,
        escalations.escalated_date,
        case
            when alarms.has_escalations or escalations.escalated_date <= outreach.outreach_date
                then 'missed'
            when outreach.outreach_date is not null then 'done'
            when {{ is_window_over('alarms.day_date', outreach_days, 'known.as_of_date') }}
                then 'missed'
            else 'waiting'
        end as state
    from alarms
    cross join known
    inner join coverage
        on alarms.day_date >= coverage.first_date
    left join outreach
        on {{ columns_equal('alarms', 'outreach', ['account_id', 'day_date']) }}
    left join escalations
        on {{ columns_equal('alarms', 'escalations', ['account_id', 'day_date']) }}

)

select * from final
