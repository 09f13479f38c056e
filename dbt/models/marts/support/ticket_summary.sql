-- Grain: one row per grain (week, month), period and member of each account dimension since
-- tickets or requests are observed.
with periods as (

    {{ periods_of(['tickets']) }}

),

coverage as (

    select min(first_date) as first_date from {{ ref('int_first_observed') }}
    where feed in ('requests', 'tickets')

),

expanded as (

    select
        grain_dimensions.grain,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value,
        {{ period_of('tickets.created_date', 'grain_dimensions.grain') }} as period_start,
        tickets.is_platform_ticket,
        tickets.is_open,
        tickets.resolution_hours,
        tickets.csat
    from {{ ref('fct_tickets') }} as tickets
    inner join {{ ref('dim_account') }} as accounts
        on tickets.account_id = accounts.account_id
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on grain_dimensions.dimension <> 'product'

),

counted as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        count(*) as ticket_count,
        count(*) filter (where is_platform_ticket) as platform_ticket_count,
        count(*) filter (where not is_platform_ticket) as other_ticket_count,
        count(*) filter (where is_open) as open_ticket_count,
        count(resolution_hours) as resolved_ticket_count,
        sum(resolution_hours) as resolution_hours_sum,
        {{ percentile(0.50, 'resolution_hours') }} as median_resolution_hours,
        {{ ratio('sum(csat)', 'count(csat)') }} as mean_csat
    from expanded
    group by grain, period_start, dimension, dimension_value

),

members as (

    select distinct
        grain,
        dimension,
        dimension_value
    from counted

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        periods.grain,
        periods.period_start,
        members.dimension,
        members.dimension_value,
        {{ is_over_and_known('members') }} as is_complete,
        {{ is_over_and_known('members') }}
        and coalesce(counted.open_ticket_count, 0) = 0 as is_final,
        {%- for name in [
            'ticket_count', 'platform_ticket_count', 'other_ticket_count', 'open_ticket_count',
            'resolved_ticket_count',
        ] %}
        cast(coalesce(counted.{{ name }}, 0) as bigint) as {{ name }},
        {%- endfor %}
        cast(counted.resolution_hours_sum as numeric(18, 6)) as resolution_hours_sum,
        {{ ratio('counted.resolution_hours_sum', 'counted.resolved_ticket_count') }}
            as mean_resolution_hours,
        cast(counted.median_resolution_hours as numeric(18, 6)) as median_resolution_hours,
        cast(counted.mean_csat as numeric(18, 6)) as mean_csat
    from periods
    inner join coverage
        on periods.observed_end >= coverage.first_date
    inner join members
        on periods.grain = members.grain
    left join counted
        on
            {{ columns_equal('members', 'counted', ['grain', 'dimension', 'dimension_value']) }}
            and periods.period_start = counted.period_start
    cross join known_members

)

select * from final
