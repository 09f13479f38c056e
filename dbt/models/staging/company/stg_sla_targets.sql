-- Grain: one row per priority and first day of its target.
with

source as (
    {{ delivered('company', 'sla_targets') }}
),

cleaned as (
    select
        lower(trim(priority)) as priority,
        cast(valid_from as date) as valid_from,
        lower(trim(clock)) as clock,
        trim(schedule) as schedule,
        cast(first_response_hours as numeric(18, 6)) as first_response_hours,
        cast(resolution_hours as numeric(18, 6)) as resolution_hours,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['priority', 'valid_from'],
        tie_breakers=['clock', 'schedule', 'first_response_hours', 'resolution_hours']
    ) }}
),

final as (
    select
        *,
        lead(valid_from, 1, cast('9999-12-31' as date)) over (
            partition by priority order by valid_from asc nulls last
        ) as valid_to
    from newest
)

select * from final
