-- Grain: one row per grain (week, month), period since activities of customer success are observed
-- and member of each account dimension with one or with an active account.
{#
  A review counts in the period in which it was due: done by `review_days` later, missed, or waiting
  while these days are not over. An account counts in the period in which it became at risk, as
  risk_alarms says. Health checks are those done in the 13 weeks, or 3 months, that end
  with the period, of all that is observed in full.
#}
{%- set review_days = 14 %}
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
        account_id,
        'alarm' as kind,
        alarm_date as fact_date,
        state
    from {{ ref('risk_alarms') }}

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
        end as {{ grain }}_checks,
        {%- endfor %}
        active.active_accounts
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
        {%- for state in states %}
        cast(review_{{ state }} as bigint) as reviews_{{ state }},
        cast(
            case when {{ are_delivered(health_tables()) }} then alarm_{{ state }} end as bigint
        ) as alarms_{{ state }},
        {%- endfor %}
        {{ pct('review_done', 'review_done + review_missed') }} as qbr_completion_pct,
        {{ pct('alarm_done', 'alarm_done + alarm_missed') }} as proactive_outreach_pct,
        cast(quarter_checks as bigint) as quarter_health_checks,
        cast(active_accounts as bigint) as active_accounts,
        {{ ratio('quarter_checks', 'active_accounts') }} as health_checks_per_account
    from measured

)

select * from final
