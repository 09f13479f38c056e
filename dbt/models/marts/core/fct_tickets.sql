-- Grain: one row per support ticket created by the as-of day, in its state at the end of that day.
with as_of as (

    select * from {{ ref('int_as_of') }}

),

tickets as (

    select
        stg_tickets.ticket_id,
        stg_tickets.account_id,
        stg_tickets.created_at,
        stg_tickets.created_date,
        case
            when stg_tickets.first_response_at < as_of.as_of_end_at
                then stg_tickets.first_response_at
        end as first_response_at,
        case
            when stg_tickets.resolved_at < as_of.as_of_end_at then stg_tickets.resolved_at
        end as resolved_at,
        stg_tickets.priority,
        stg_tickets.category,
        stg_tickets.is_platform_ticket,
        stg_tickets.channel,
        stg_tickets.reopen_count,
        stg_tickets.csat
    from {{ ref('stg_tickets') }} as stg_tickets
    inner join as_of
        on stg_tickets.created_at < as_of.as_of_end_at

),

history as (

    select * from {{ ref('int_account_history') }}

),

final as (

    select
        tickets.ticket_id,
        tickets.account_id,
        tickets.created_at,
        tickets.created_date,
        tickets.first_response_at,
        tickets.resolved_at,
        tickets.resolved_at is null as is_open,
        tickets.priority,
        tickets.category,
        tickets.is_platform_ticket,
        tickets.channel,
        tickets.reopen_count,
        tickets.csat,
        coalesce(history.plan_tier, 'Unknown') as plan_tier_as_of_event,
        coalesce(history.segment, 'Unknown') as segment_as_of_event,
        cast(
            {{ seconds_between('tickets.created_at', 'tickets.resolved_at') }}
            / 3600 as numeric(18, 6)
        ) as resolution_hours,
        cast(
            {{ seconds_between('tickets.created_at', 'tickets.first_response_at') }} / 3600
            as numeric(18, 6)
        ) as first_response_hours
    from tickets
    left join history
        on
            tickets.account_id = history.account_id
            and tickets.created_at >= history.valid_from_at
            and tickets.created_at < history.valid_to_at

)

select * from final
