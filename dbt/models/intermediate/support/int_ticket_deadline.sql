-- Grain: one row per support ticket with a target for its resolution.
{#
  A deadline by business hours is the instant at which the schedule has been open for long enough
  since the creation. Days and deadlines stand in one order, by the seconds for which the schedule
  was open before them, and each deadline takes the last day in front of it. A deadline that falls
  on a closing is that closing, not the next opening.
#}
with tickets as (

    select
        ticket.ticket_id,
        ticket.created_at,
        states.resolved_at,
        states.sla_clock,
        states.schedule,
        states.sla_target_hours,
        states.open_seconds_to_created + states.sla_target_hours * 3600 as open_seconds_to_due
    from {{ ref('int_ticket_state') }} as states
    inner join {{ ref('stg_tickets') }} as ticket
        on states.ticket_id = ticket.ticket_id
    where states.sla_target_hours is not null

),

marks as (

    select
        schedule,
        open_seconds_before as mark,
        1 as mark_order,
        opens_at,
        open_seconds,
        open_seconds_before,
        cast(null as varchar(200)) as ticket_id
    from {{ ref('int_support_day') }}
    where open_seconds > 0

    union all

    select
        schedule,
        open_seconds_to_due as mark,
        0 as mark_order,
        cast(null as timestamp) as opens_at,
        cast(null as numeric(18, 6)) as open_seconds,
        cast(null as numeric(18, 6)) as open_seconds_before,
        ticket_id
    from tickets
    where sla_clock = 'business'

),

placed as (

    select
        ticket_id,
        mark,
        max(opens_at) over before_it as opens_at,
        max(open_seconds_before) over before_it as open_seconds_before,
        max(open_seconds_before + open_seconds) over before_it as open_seconds_to_close
    from marks
    window
        before_it as (
            partition by schedule
            order by mark nulls last, mark_order nulls last
            rows between unbounded preceding and current row
        )

),

final as (

    select
        tickets.ticket_id,
        tickets.created_at,
        tickets.resolved_at,
        case
            when tickets.sla_clock = 'business' and placed.mark <= placed.open_seconds_to_close
                then
                    placed.opens_at
                    + (placed.mark - placed.open_seconds_before) * interval '1 second'
            when tickets.sla_clock = 'calendar'
                then tickets.created_at + tickets.sla_target_hours * interval '1 hour'
        end as due_at
    from tickets
    left join placed
        on tickets.ticket_id = placed.ticket_id

)

select * from final
