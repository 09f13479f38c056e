-- Grain: one row per grain (week, month), period of creation and member of each account dimension
-- with a lead.
{#
  A lead is final as to qualification 30 days after the period and as to payment 90 days after it. What
  is not judged (fct_leads) is in no rate; where deals or contracts were never delivered nothing is.
#}
with periods as (

    {{ periods_of(['contacts']) }}

),

leads as (select * from {{ ref('fct_leads') }}),

counted as (

    {{ by_account_member('leads', 'created_date', {
        'lead_count': 'count(*)',
        'qualifiable_count': 'count(leads.is_qualified)',
        'qualified_count': 'count(*) filter (where leads.is_qualified)',
        'event_lead_count': "count(leads.is_converted) filter (where leads.channel = 'event')",
        'event_converted_count':
            "count(*) filter (where leads.channel = 'event' and leads.is_converted)",
    }) }}

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        periods.grain,
        periods.period_start,
        counted.dimension,
        counted.dimension_value,
        {{ is_over_and_known('counted') }} as is_complete,
        cast(counted.lead_count as bigint) as lead_count,
        {%- for column, table in {
            'qualifiable_count': 'deal_stage_history',
            'qualified_count': 'deal_stage_history',
            'event_lead_count': 'subscriptions',
            'event_converted_count': 'subscriptions',
        }.items() %}
        cast({{ unless_never_delivered('counted.' ~ column, '0', table) }} as bigint)
            as {{ column }},
        {%- endfor %}
        {{ pct('counted.qualified_count', 'counted.qualifiable_count') }} as qualification_rate_pct,
        {{ pct('counted.event_converted_count', 'counted.event_lead_count') }}
            as event_conversion_rate_pct
    from counted
    inner join periods
        on {{ columns_equal('counted', 'periods', ['grain', 'period_start']) }}
    cross join known_members

)

select * from final
