-- Grain: one row per schedule, weekday and first day of its hours.
with

source as (
    {{ delivered('company', 'support_hours') }}
),

cleaned as (
    select
        trim(schedule) as schedule,
        cast(weekday as integer) as weekday,
        cast(valid_from as date) as valid_from,
        cast(opens_minute as integer) as opens_minute,
        cast(closes_minute as integer) as closes_minute,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['schedule', 'weekday', 'valid_from'],
        tie_breakers=['opens_minute', 'closes_minute']
    ) }}
),

final as (
    select
        *,
        lead(valid_from, 1, cast('9999-12-31' as date)) over (
            partition by schedule, weekday order by valid_from asc nulls last
        ) as valid_to
    from newest
)

select * from final
