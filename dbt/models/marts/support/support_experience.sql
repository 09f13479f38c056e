-- Grain: one row per grain (week, month), period and member of each account dimension of
-- ticket_summary.
{#
  Tickets count in the period of their creation, escalations in that of their escalation. A source
  that never says that a ticket was escalated, or how often one was reopened, does not say that none
  was: what rests on it is unknown.
  A response to an escalation is the account's first activity of customer success done at or after it,
  within `response_days`.
#}
{%- set response_days = 14 %}
{%- set key = ['grain', 'period_start', 'dimension', 'dimension_value'] %}
with periods as (select * from {{ ref('ticket_summary') }}),

tickets as (

    select
        *,
        cast(escalated_at as date) as escalated_date,
        count(escalated_at) over () > 0 as has_escalations
    from {{ ref('fct_tickets') }}

),

instants as (

    select
        account_id,
        ticket_id,
        escalated_at as happened_at,
        cast(null as timestamp) as done_at
    from tickets
    where escalated_at is not null

    union all

    select
        account_id,
        null as ticket_id,
        done_at as happened_at,
        done_at
    from {{ ref('fct_cs_activities') }}
    where done_at is not null

),

answered as (

    select
        ticket_id,
        happened_at as escalated_at,
        min(done_at) over (
            partition by account_id order by happened_at desc nulls last
            range between unbounded preceding and current row
        ) as responded_at
    from instants

),

escalations as (

    select
        tickets.account_id,
        tickets.escalated_date,
        tickets.sla_state,
        case
            when
                answered.responded_at
                < cast(tickets.escalated_at + interval '{{ response_days }} day' as timestamp)
                then
                    cast(
                        {{ seconds_between('tickets.escalated_at', 'answered.responded_at') }}
                        / 3600 as numeric(18, 6)
                    )
        end as response_hours
    from tickets
    inner join answered
        on tickets.ticket_id = answered.ticket_id

),

created as (

    {{ by_account_member('tickets', 'created_date', {
        'escalated_ticket_count':
            'case when bool_or(has_escalations) then count(escalated_at) end',
        'unescalated_open_count': 'count(*) filter (where is_open and escalated_at is null)',
        'judged_contact_count':
            'count(*) filter (where has_escalations and not is_open and reopen_count is not null)',
        'first_contact_count':
            'count(*) filter (where has_escalations and not is_open and reopen_count = 0 '
            ~ 'and escalated_at is null)',
        'rated_ticket_count': 'count(csat)',
        'satisfaction_sum': 'sum(' ~ survey_score_100("'csat'", 'csat') ~ ')',
    }) }}

),

escalated as (

    {{ by_account_member('escalations', 'escalated_date', {
        'escalation_count': 'count(*)',
        'escalation_met_count': "count(*) filter (where sla_state = 'met')",
        'escalation_breached_count': "count(*) filter (where sla_state = 'breached')",
        'escalation_active_count': "count(*) filter (where sla_state = 'active')",
        'answered_escalation_count': 'count(response_hours)',
        'median_response_hours': percentile(0.50, 'response_hours'),
    }) }}

),

active as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        active_accounts
    from {{ ref('revenue_summary') }}

),

final as (

    select
        periods.grain,
        periods.period_start,
        periods.dimension,
        periods.dimension_value,
        periods.is_complete,
        periods.ticket_count,
        active.active_accounts,
        {{ ratio('periods.ticket_count', 'active.active_accounts') }} as tickets_per_account,
        cast(created.escalated_ticket_count as bigint) as escalated_ticket_count,
        cast(coalesce(created.unescalated_open_count, 0) as bigint) as unescalated_open_count,
        {{ pct('created.escalated_ticket_count', 'periods.ticket_count') }} as escalation_rate_pct,
        periods.open_ticket_count,
        cast(coalesce(created.judged_contact_count, 0) as bigint) as judged_contact_count,
        cast(coalesce(created.first_contact_count, 0) as bigint) as first_contact_count,
        {{ pct('created.first_contact_count', 'created.judged_contact_count') }}
            as first_contact_resolution_pct,
        cast(coalesce(created.rated_ticket_count, 0) as bigint) as rated_ticket_count,
        cast(created.satisfaction_sum as numeric(24, 6)) as satisfaction_sum,
        {{ ratio('created.satisfaction_sum', 'created.rated_ticket_count') }}
            as support_satisfaction_score,
        cast(coalesce(escalated.escalation_count, 0) as bigint) as escalation_count,
        {%- for name, table in {
            'escalation_met_count': 'sla_targets',
            'escalation_breached_count': 'sla_targets',
            'escalation_active_count': 'sla_targets',
            'answered_escalation_count': 'customer_success_activities',
        }.items() %}
        cast(
            {{ unless_never_delivered('escalated.' ~ name, '0', table) }} as bigint
        ) as {{ name }},
        {%- endfor %}
        {{ pct(
            'escalated.escalation_met_count',
            'escalated.escalation_met_count + escalated.escalation_breached_count'
        ) }} as escalation_resolution_pct,
        cast(escalated.median_response_hours as numeric(18, 6)) as median_response_hours
    from periods
    left join created
        on {{ columns_equal('periods', 'created', key) }}
    left join escalated
        on {{ columns_equal('periods', 'escalated', key) }}
    left join active
        on {{ columns_equal('periods', 'active', key) }}

)

select * from final
