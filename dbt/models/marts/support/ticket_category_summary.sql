-- Grain: one row per grain (week, month), period and category with at least one ticket.
with periods as (

    {{ periods_of(['tickets']) }}

),

tickets as (

    {{ by_grain(ref('fct_tickets'), 'created_date') }}

),

counted as (

    select
        grain,
        period_start,
        category,
        count(*) as ticket_count,
        count(*) filter (where is_open) as open_ticket_count,
        count(resolution_hours) as resolved_ticket_count,
        sum(resolution_hours) as resolution_hours_sum
    from tickets
    group by grain, period_start, category

),

final as (

    select
        counted.grain,
        counted.period_start,
        counted.category,
        periods.is_complete,
        periods.is_complete and counted.open_ticket_count = 0 as is_final,
        cast(counted.ticket_count as bigint) as ticket_count,
        cast(counted.open_ticket_count as bigint) as open_ticket_count,
        cast(counted.resolved_ticket_count as bigint) as resolved_ticket_count,
        {{ ratio('counted.resolution_hours_sum', 'counted.resolved_ticket_count') }}
            as mean_resolution_hours
    from counted
    inner join periods
        on {{ columns_equal('counted', 'periods', ['grain', 'period_start']) }}

)

select * from final
