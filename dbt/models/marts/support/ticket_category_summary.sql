-- Grain: one row per grain (week, month), period and category with at least one ticket.
with periods as (

    {{ periods_of(['tickets']) }}

),

tickets as (select * from {{ ref('fct_tickets') }}),

final as (

    select
        periods.grain,
        periods.period_start,
        tickets.category,
        periods.is_complete,
        periods.is_complete and count(*) filter (where tickets.is_open) = 0 as is_final,
        cast(count(*) as bigint) as ticket_count,
        cast(count(*) filter (where tickets.is_open) as bigint) as open_ticket_count,
        cast(count(tickets.resolution_hours) as bigint) as resolved_ticket_count,
        {{ ratio('sum(tickets.resolution_hours)', 'count(tickets.resolution_hours)') }}
            as mean_resolution_hours
    from tickets
    inner join periods
        on
            tickets.created_date >= periods.period_start
            and tickets.created_date <= periods.period_end
    group by periods.grain, periods.period_start, tickets.category, periods.is_complete

)

select * from final
