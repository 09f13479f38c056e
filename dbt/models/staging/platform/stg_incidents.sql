-- Grain: one row per incident, latest version.
with

source as (
    {{ delivered('platform', 'platform_incidents') }}
),

cleaned as (
    select
        trim(incident_id) as incident_id,
        {{ to_utc('started_at') }} as started_at,
        {{ to_utc('resolved_at') }} as resolved_at,
        {{ text_or_unknown('lower(severity)') }} as severity,
        {{ text_or_unknown('component') }} as component,
        -- No region means every region, so a blank must not become a region of its own.
        nullif(trim(region), '') as region,
        -- As reported: null is not known yet, 0 is a degradation without downtime.
        cast(downtime_minutes as numeric(18, 6)) as downtime_minutes,
        {{ to_utc('last_updated') }} as updated_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

stamped as (
    select
        *,
        {{ believed_stamp('updated_at', key=['incident_id']) }} as believed_at
    from cleaned
),

ranked as (
    select
        *,
        {{ version_rank(
            key=['incident_id'],
            newest=['believed_at', 'loaded_at'],
            tie_breakers=[
                'started_at', 'resolved_at', 'severity', 'component', 'region',
                'downtime_minutes',
            ]
        ) }} as version_rank
    from stamped
),

final as (
    select
        incident_id,
        started_at,
        resolved_at,
        severity,
        component,
        region,
        downtime_minutes,
        updated_at,
        loaded_at
    from ranked
    where version_rank = 1
)

select * from final
