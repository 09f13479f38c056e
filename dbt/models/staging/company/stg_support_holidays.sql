-- Grain: one row per schedule and day on which it is closed.
with

source as (
    {{ delivered('company', 'support_holidays') }}
),

cleaned as (
    select
        trim(schedule) as schedule,
        cast(holiday_date as date) as holiday_date,
        nullif(trim(holiday_name), '') as holiday_name,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(key=['schedule', 'holiday_date'], tie_breakers=['holiday_name']) }}
),

final as (
    select * from newest
    where holiday_name is not null
)

select * from final
