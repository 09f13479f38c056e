-- Grain: one row per support ticket created by the as-of day, in its state at the end of that day.
with states as (select * from {{ ref('int_ticket_state') }}),

-- What a version recorded after the as-of day says of the ticket's course is not known yet.
tickets as (

    select
        stg_tickets.ticket_id,
        stg_tickets.account_id,
        stg_tickets.created_at,
        stg_tickets.created_date,
        stg_tickets.priority,
        stg_tickets.category,
        stg_tickets.is_platform_ticket,
        stg_tickets.channel,
        case when not coalesce(states.is_told_later, false) then stg_tickets.reopen_count end
            as reopen_count,
        case when not coalesce(states.is_told_later, false) then stg_tickets.csat end as csat,
        case
            when stg_tickets.escalated_at < coalesce(states.resolved_at, as_of.as_of_end_at)
                then stg_tickets.escalated_at
        end as escalated_at
    from {{ ref('stg_tickets') }} as stg_tickets
    inner join states
        on stg_tickets.ticket_id = states.ticket_id
    cross join {{ ref('int_as_of') }} as as_of

),

history as (select * from {{ ref('int_account_history') }}),

final as (

    select
        tickets.ticket_id,
        tickets.account_id,
        tickets.created_at,
        tickets.created_date,
        states.first_response_at,
        tickets.escalated_at,
        states.resolved_at,
        states.resolved_at is null as is_open,
        tickets.priority,
        tickets.category,
        tickets.is_platform_ticket,
        tickets.channel,
        tickets.reopen_count,
        tickets.csat,
        case
            when tickets.csat >= 4 then 'satisfied'
            when tickets.csat >= 3 then 'neutral'
            when tickets.csat is not null then 'dissatisfied'
            else 'no_rating'
        end as csat_tier,
        coalesce(history.plan_tier, 'Unknown') as plan_tier_as_of_event,
        coalesce(history.segment, 'Unknown') as segment_as_of_event,
        coalesce(history.home_region, 'Unknown') as home_region_as_of_event,
        coalesce(history.owner_name, 'Unknown') as owner_name_as_of_event,
        cast(
            {{ seconds_between('tickets.created_at', 'states.resolved_at') }}
            / 3600 as numeric(18, 6)
        ) as resolution_hours,
        cast(
            {{ seconds_between('tickets.created_at', 'states.first_response_at') }} / 3600
            as numeric(18, 6)
        ) as first_response_hours,
        states.sla_clock,
        states.sla_target_hours,
        cast(states.sla_seconds_calendar / 3600 as numeric(18, 6)) as elapsed_calendar_hours,
        cast(states.sla_seconds_business / 3600 as numeric(18, 6)) as elapsed_business_hours,
        cast(
            case
                when states.sla_state <> 'not_judged'
                    then states.sla_seconds / (states.sla_target_hours * 3600)
            end as numeric(18, 6)
        ) as sla_ratio,
        states.sla_state,
        states.sla_state_calendar,
        states.sla_state_business,
        cast(
            case
                when states.resolved_at is null
                    then states.sla_target_hours - states.sla_seconds / 3600
            end as numeric(18, 6)
        ) as sla_hours_left,
        case
            when states.resolved_at is null then 'unresolved'
            when states.sla_state = 'not_judged' then 'not_judged'
            when states.sla_seconds <= 0.5 * states.sla_target_hours * 3600 then 'fast'
            when states.sla_seconds <= states.sla_target_hours * 3600 then 'on_time'
            when states.sla_seconds <= 1.5 * states.sla_target_hours * 3600 then 'slow'
            else 'critical_breach'
        end as resolution_speed,
        states.first_response_target_hours,
        states.first_response_state,
        states.first_response_state_calendar,
        states.first_response_state_business
    from tickets
    inner join states
        on tickets.ticket_id = states.ticket_id
    left join history
        on
            tickets.account_id = history.account_id
            and tickets.created_at >= history.valid_from_at
            and tickets.created_at < history.valid_to_at

)

select * from final
