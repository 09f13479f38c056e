-- Grain: one row per platform incident started by the as-of day, in its state at the end of that
-- day.
with as_of as (select * from {{ ref('int_as_of') }}),

incidents as (

    select
        stg_incidents.incident_id,
        stg_incidents.started_at,
        case
            when stg_incidents.resolved_at < as_of.as_of_end_at then stg_incidents.resolved_at
        end as resolved_at,
        stg_incidents.severity,
        stg_incidents.component,
        stg_incidents.region,
        -- What was reported of an open incident later is not known yet.
        case
            when
                stg_incidents.resolved_at < as_of.as_of_end_at
                or stg_incidents.updated_at is null
                or stg_incidents.updated_at < as_of.as_of_end_at
                then stg_incidents.downtime_minutes
        end as reported_downtime_minutes,
        as_of.as_of_end_at
    from {{ ref('stg_incidents') }} as stg_incidents
    inner join as_of
        on stg_incidents.started_at < as_of.as_of_end_at

),

final as (

    select
        incident_id,
        started_at,
        cast(started_at as date) as started_date,
        resolved_at,
        resolved_at is null as is_open,
        severity,
        component,
        region,
        reported_downtime_minutes,
        -- Downtime runs from the start for as long as reported, never past the resolution;
        -- where nothing is reported the whole incident is downtime.
        case
            when
                reported_downtime_minutes is null
                or started_at + reported_downtime_minutes * interval '1 minute'
                > coalesce(resolved_at, as_of_end_at)
                then coalesce(resolved_at, as_of_end_at)
            else started_at + reported_downtime_minutes * interval '1 minute'
        end as downtime_ended_at,
        cast(
            {{ seconds_between('started_at', 'resolved_at') }} / 60 as numeric(18, 6)
        ) as recovery_minutes
    from incidents

)

select * from final
