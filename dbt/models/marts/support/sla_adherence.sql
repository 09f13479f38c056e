-- Grain: one row per grain (week, month), period of creation, dimension, member and clock with at
-- least one ticket.
{#
  Each dimension is a grouping set of one pass over the tickets, and each clock a row of its own only
  then. Account attributes are those of the creation: what was agreed then is judged, whatever came
  later.
#}
{%- set dimensions = {
    'priority': 'priority',
    'category': 'category',
    'segment': 'segment_as_of_event',
    'plan_tier': 'plan_tier_as_of_event',
    'region': 'home_region_as_of_event',
} %}
{%- set clocks = {'policy': '', 'calendar': '_calendar', 'business': '_business'} %}
{%- set states = ['met', 'breached', 'active', 'not_judged'] %}
{%- set times = {
    'mean': ratio('sum({0})', 'count({0})'),
    'median': percentile(0.50, '{0}'),
    'p90': percentile(0.90, '{0}'),
} %}
with periods as (

    {{ periods_of(['tickets']) }}

),

tickets as (

    {%- for grain in ['week', 'month'] %}
    select
        *,
        '{{ grain }}' as grain,
        cast(date_trunc('{{ grain }}', created_date) as date) as period_start,
        case when not is_open then elapsed_calendar_hours end as resolution_hours_calendar,
        case when not is_open then elapsed_business_hours end as resolution_hours_business
    from {{ ref('fct_tickets') }}
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}

),

summed as (

    select
        grain,
        period_start,
        case
            {%- for dimension, column in dimensions.items() %}
            when grouping({{ column }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'all'
        end as dimension,
        case
            {%- for column in dimensions.values() %}
            when grouping({{ column }}) = 0 then {{ column }}
            {%- endfor %}
            else 'all'
        end as dimension_value,
        count(*) as ticket_count,
        count(*) filter (where not is_open) as resolved_ticket_count,
        {%- for suffix in clocks.values() %}
        {%- for state in states %}
        count(*) filter (where {{ 'sla_state' ~ suffix }} = '{{ state }}')
            as {{ state ~ suffix }},
        count(*) filter (where {{ 'first_response_state' ~ suffix }} = '{{ state }}')
            as {{ 'first_response_' ~ state ~ suffix }},
        {%- endfor %}
        {%- endfor %}
        {%- for suffix in ['_calendar', '_business'] %}
        {%- for name, aggregate in times.items() %}
        {{ aggregate.format('resolution_hours' ~ suffix) }} as {{ name }}{{ suffix }},
        {%- endfor %}
        {%- endfor %}
        {{ ratio('sum(csat)', 'count(csat)') }} as mean_csat
    from tickets
    group by grouping sets (
        (grain, period_start),
        {%- for column in dimensions.values() %}
        (grain, period_start, {{ column }}){% if not loop.last %},{% endif %}
        {%- endfor %}
    )

),

by_clock as (

    {%- for clock, suffix in clocks.items() %}
    {%- set measured = suffix or '_calendar' %}
    select
        grain,
        period_start,
        dimension,
        dimension_value,
        '{{ clock }}' as clock,
        ticket_count,
        resolved_ticket_count,
        {%- for state in states %}
        {{ state ~ suffix }} as {{ state }}_count,
        {{ 'first_response_' ~ state ~ suffix }} as first_response_{{ state }}_count,
        {%- endfor %}
        {%- for name in times %}
        {{ name }}{{ measured }} as {{ name }}_resolution_hours,
        {%- endfor %}
        mean_csat
    from summed
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}

),

known_members as (

    {{ members_reach() }}

),

known as (

    select
        by_clock.*,
        periods.is_complete
        and (
            by_clock.dimension in ('priority', 'category')
            or {{ knows_members('by_clock.dimension', 'by_clock.grain', 'by_clock.period_start') }}
        ) as is_complete
    from by_clock
    inner join periods
        on {{ columns_equal('by_clock', 'periods', ['grain', 'period_start']) }}
    cross join known_members

),

final as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        clock,
        is_complete,
        is_complete
        and active_count + first_response_active_count = 0
        and ticket_count = resolved_ticket_count as is_final,
        cast(ticket_count as bigint) as ticket_count,
        cast(met_count as bigint) as met_count,
        cast(breached_count as bigint) as breached_count,
        cast(active_count as bigint) as active_count,
        cast(not_judged_count as bigint) as not_judged_count,
        {{ pct('met_count', '(met_count + breached_count)') }}
            as sla_adherence_pct,
        cast(resolved_ticket_count as bigint) as resolved_ticket_count,
        cast(mean_resolution_hours as numeric(18, 6)) as mean_resolution_hours,
        cast(median_resolution_hours as numeric(18, 6)) as median_resolution_hours,
        cast(p90_resolution_hours as numeric(18, 6)) as p90_resolution_hours,
        cast(mean_csat as numeric(18, 6)) as mean_csat,
        cast(first_response_met_count as bigint) as first_response_met_count,
        cast(first_response_breached_count as bigint) as first_response_breached_count,
        cast(first_response_active_count as bigint) as first_response_active_count,
        cast(first_response_not_judged_count as bigint) as first_response_not_judged_count,
        {{ pct(
            'first_response_met_count',
            '(first_response_met_count + first_response_breached_count)'
        ) }} as first_response_adherence_pct
    from known

)

select * from final
