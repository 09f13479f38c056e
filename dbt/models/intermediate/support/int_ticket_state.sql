-- Grain: one row per support ticket created by the as-of day, in its state at the end of that day.
{#
  Business seconds between two instants are the open seconds up to the later one less those up to
  the earlier one, so that a ticket open for a year costs no more than one of an hour.
#}
{%- set waits = {'sla': 'resolved_at', 'first_response': 'first_response_at'} %}
{%- set clocks = ['calendar', 'business'] %}
with as_of as (select * from {{ ref('int_as_of') }}),

-- A missing answer of a feed that lags is no breach.
reach as (

    {{ reach_of(['tickets']) }}

),

tickets as (

    select
        stg_tickets.ticket_id,
        stg_tickets.priority,
        stg_tickets.created_at,
        stg_tickets.created_date,
        case
            when as_of.as_of_date <= reach.last_date then as_of.as_of_end_at
            when stg_tickets.created_date > reach.last_date then stg_tickets.created_at
            else cast(reach.last_date + interval '1 day' as timestamp)
        end as known_to_at,
        case
            when stg_tickets.first_response_at < as_of.as_of_end_at
                then stg_tickets.first_response_at
        end as first_response_at,
        case
            when stg_tickets.resolved_at < as_of.as_of_end_at then stg_tickets.resolved_at
        end as resolved_at,
        coalesce(stg_tickets.updated_at >= as_of.as_of_end_at, false) as is_told_later
    from {{ ref('stg_tickets') }} as stg_tickets
    inner join as_of
        on stg_tickets.created_at < as_of.as_of_end_at
    cross join reach

),

targets as (

    select
        targets.priority,
        targets.clock,
        targets.schedule,
        targets.first_response_hours,
        targets.resolution_hours,
        schedules.time_zone,
        targets.valid_from,
        targets.valid_to
    from {{ ref('stg_sla_targets') }} as targets
    left join {{ ref('int_support_schedule') }} as schedules
        on targets.schedule = schedules.schedule

),

days as (select * from {{ ref('int_support_day') }}),

-- A source that never says when it answered does not say that it never answers. A window, since an
-- aggregate joined to each ticket is counted again for each.
recorded as (

    select
        *,
        count(first_response_at) over () > 0 as has_first_responses
    from tickets

),

-- What has not happened by the end of the as-of day, or of the last day that the feed of tickets
-- reaches, has lasted until then: whether it happened later is not known.
waiting as (

    select
        tickets.ticket_id,
        tickets.created_at,
        tickets.first_response_at,
        tickets.resolved_at,
        tickets.is_told_later,
        targets.clock as sla_clock,
        targets.schedule,
        targets.time_zone,
        targets.resolution_hours as sla_target_hours,
        targets.first_response_hours as first_response_target_hours,
        coalesce(tickets.resolved_at, tickets.known_to_at) as sla_end_at,
        case
            when
                tickets.first_response_at is not null
                or (tickets.resolved_at is null and tickets.has_first_responses)
                then coalesce(tickets.first_response_at, tickets.known_to_at)
        end as first_response_end_at
    from recorded as tickets
    left join targets
        on
            tickets.priority = targets.priority
            and tickets.created_date >= targets.valid_from
            and tickets.created_date < targets.valid_to

),

open_seconds as (

    select
        {%- for instant in ['created', 'sla_end', 'first_response_end'] %}
        {{ instant }}_days.open_seconds_before
        + {{ lesser(
            greater(
                seconds_between(instant ~ '_days.opens_at', 'waiting.' ~ instant ~ '_at'), '0'
            ),
            instant ~ '_days.open_seconds'
        ) }} as open_seconds_to_{{ instant }},
        {%- endfor %}
        waiting.*
    from waiting
    left join days as created_days
        on
            waiting.schedule = created_days.schedule
            and cast(
                {{ utc_to_local('waiting.created_at', 'waiting.time_zone') }} as date
            ) = created_days.local_date
    left join days as sla_end_days
        on
            waiting.schedule = sla_end_days.schedule
            and cast(
                {{ utc_to_local('waiting.sla_end_at', 'waiting.time_zone') }} as date
            ) = sla_end_days.local_date
    left join days as first_response_end_days
        on
            waiting.schedule = first_response_end_days.schedule
            and cast(
                {{ utc_to_local('waiting.first_response_end_at', 'waiting.time_zone') }} as date
            ) = first_response_end_days.local_date

),

measured as (

    select
        {%- for wait in waits %}
        {{ seconds_between('created_at', wait ~ '_end_at') }} as {{ wait }}_seconds_calendar,
        cast(open_seconds_to_{{ wait }}_end - open_seconds_to_created as numeric(18, 6))
            as {{ wait }}_seconds_business,
        {%- endfor %}
        *
    from open_seconds

),

-- Exactly the target is met. What ended before it began was not recorded well enough to be judged,
-- and hours of business that nobody has stated cannot be counted.
judged as (

    select
        {%- for wait, done_at in waits.items() %}
        {%- for clock in clocks %}
        case
            when
                {{ wait }}_target_hours is null
                or {{ wait }}_end_at is null
                or {{ wait }}_end_at < created_at
                or {{ wait }}_seconds_{{ clock }} is null
                then 'not_judged'
            when {{ wait }}_seconds_{{ clock }} > {{ wait }}_target_hours * 3600 then 'breached'
            when {{ done_at }} is not null then 'met'
            else 'active'
        end as {{ wait }}_state_{{ clock }},
        {%- endfor %}
        {%- endfor %}
        *
    from measured

),

final as (

    select
        {%- for wait in waits %}
        {{ wait }}_target_hours,
        {%- for clock in clocks %}
        {{ wait }}_seconds_{{ clock }},
        {{ wait }}_state_{{ clock }},
        {%- endfor %}
        cast(
            case
                when sla_clock = 'business' then {{ wait }}_seconds_business
                else {{ wait }}_seconds_calendar
            end as numeric(18, 6)
        ) as {{ wait }}_seconds,
        case
            when sla_clock = 'business' then {{ wait }}_state_business
            else {{ wait }}_state_calendar
        end as {{ wait }}_state,
        {%- endfor %}
        ticket_id,
        first_response_at,
        resolved_at,
        is_told_later,
        sla_clock,
        schedule,
        cast(open_seconds_to_created as numeric(18, 6)) as open_seconds_to_created
    from judged

)

select * from final
