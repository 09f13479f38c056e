-- Grain: one row per grain (week, month), period since activities of customer success are observed
-- and member of each account dimension with one or with an active account.
{#
  A review counts in the period in which it was due: done by `review_days` later, missed, or waiting
  while these days are not over. An account counts in the period in which it became at risk (critical
  or high after `calm_days` without): reached when an outreach was done within `outreach_days`, before
  the account escalated itself. Health checks are those done in the 13 weeks, or 3 months, that end
  with the period, of all that is observed in full.
#}
{%- set review_days, outreach_days, calm_days = 14, 14, 14 %}
{%- set quarter = {'week': 13, 'month': 3} %}
{%- set states = ['done', 'missed', 'waiting'] %}
with periods as (

    {{ periods_of(['cs_activities']) }}

),

known as (

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

-- A kind of engagement, the day that it counts on, and what came of it.
facts as (

    select
        activities.account_id,
        'review' as kind,
        activities.due_date as fact_date,
        case
            when
                activities.done_at
                <= cast(activities.due_at + interval '{{ review_days }} day' as timestamp)
                then 'done'
            when
                {{ is_window_over('activities.due_date', review_days, 'known.as_of_date') }}
                then 'missed'
            else 'waiting'
        end as state
    from activities
    cross join known
    where
        activities.activity_type = 'qbr'
        and activities.due_date <= known.as_of_date

    union all

    select
        account_id,
        'check' as kind,
        done_date as fact_date,
        'done' as state
    from activities
    where
        activity_type = 'health_check'
        and done_date is not null

    union all

    select
        alarms.account_id,
        'alarm' as kind,
        alarms.day_date as fact_date,
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

),

{%- set aggregates = {} %}
{%- for kind in ['review', 'check', 'alarm'] %}
{%- for state in states if kind != 'check' or state == 'done' %}
{%- do aggregates.update({
    kind ~ '_' ~ state: "count(*) filter (where kind = '" ~ kind ~ "' and state = '" ~ state ~ "')"
}) %}
{%- endfor %}
{%- endfor %}

counted as (

    {{ by_account_member('facts', 'fact_date', aggregates) }}

),

active as (

    select * from {{ ref('revenue_summary') }}
    where dimension <> 'product'

),

members as (

    select
        grain,
        dimension,
        dimension_value
    from counted

    union

    select
        grain,
        dimension,
        dimension_value
    from active

),

known_members as (

    {{ members_reach() }}

),

filled as (

    select
        periods.grain,
        periods.period_start,
        members.dimension,
        members.dimension_value,
        {{ is_over_and_known('members') }} as is_complete,
        active.active_accounts,
        {%- for column in aggregates %}
        coalesce(counted.{{ column }}, 0) as {{ column }},
        {%- endfor %}
        {%- for grain, count in quarter.items() %}
        case
            when
                count(*) over (
                    partition by periods.grain, members.dimension, members.dimension_value
                    order by periods.period_start nulls last
                ) >= {{ count }}
                then
                    sum(coalesce(counted.check_done, 0)) over (
                        partition by periods.grain, members.dimension, members.dimension_value
                        order by periods.period_start nulls last
                        rows between {{ count - 1 }} preceding and current row
                    )
        end as {{ grain }}_checks{{ ',' if not loop.last }}
        {%- endfor %}
    from periods
    inner join coverage
        on periods.period_start >= coverage.first_date
    inner join members
        on periods.grain = members.grain
    left join counted
        on
            {{ columns_equal('members', 'counted', ['grain', 'dimension', 'dimension_value']) }}
            and periods.period_start = counted.period_start
    left join active
        on
            {{ columns_equal('members', 'active', ['grain', 'dimension', 'dimension_value']) }}
            and periods.period_start = active.period_start
    cross join known_members

),

measured as (

    select
        *,
        case grain when 'week' then week_checks else month_checks end as quarter_checks
    from filled

),

final as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        {%- for column, name in {'review': 'reviews', 'alarm': 'alarms'}.items() %}
        {%- for state in states %}
        cast({{ column }}_{{ state }} as bigint) as {{ name }}_{{ state }},
        {%- endfor %}
        {%- endfor %}
        {{ pct('review_done', 'review_done + review_missed') }} as qbr_completion_pct,
        {{ pct('alarm_done', 'alarm_done + alarm_missed') }} as proactive_outreach_pct,
        cast(quarter_checks as bigint) as quarter_health_checks,
        cast(active_accounts as bigint) as active_accounts,
        {{ ratio('quarter_checks', 'active_accounts') }} as health_checks_per_account
    from measured

)

select * from final
