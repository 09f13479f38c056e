-- Grain: one row per schedule of support.
with

source as (
    {{ delivered('company', 'support_schedules') }}
),

cleaned as (
    select
        trim(schedule) as schedule,
        trim(time_zone) as time_zone,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(key=['schedule'], tie_breakers=['time_zone']) }}
)

select * from newest
