-- A target is missed when, and only when, the deadline came before the resolution and the end of
-- the as-of day: deadlines are counted forward, states from the time that has passed.
select
    states.ticket_id,
    states.sla_state,
    deadlines.due_at,
    states.resolved_at
from {{ ref('int_ticket_state') }} as states
inner join {{ ref('int_ticket_deadline') }} as deadlines
    on states.ticket_id = deadlines.ticket_id
cross join {{ ref('int_as_of') }} as as_of
where
    states.sla_state <> 'not_judged'
    and (states.sla_state = 'breached')
    <> coalesce(deadlines.due_at < coalesce(states.resolved_at, as_of.as_of_end_at), false)
