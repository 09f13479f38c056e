-- Grain: one row per support schedule with hours and local date from its first hours on, closed
-- days included. What nobody has stated is not closed, it is unknown.
with schedules as (select * from {{ ref('int_support_schedule') }}),

opening_hours as (select * from {{ ref('stg_support_hours') }}),

first_hours as (

    select
        schedule,
        min(valid_from) as first_date
    from opening_hours
    where opens_minute is not null
    group by schedule

),

holidays as (select * from {{ ref('stg_support_holidays') }}),

-- West of Greenwich the first UTC day begins on the local day before.
days as (

    select date_day from {{ ref('int_day') }}

    union all

    select cast(min(date_day) - interval '1 day' as date) as date_day from {{ ref('int_day') }}

),

windows as (

    select
        schedules.schedule,
        schedules.time_zone,
        days.date_day as local_date,
        {{ local_to_utc(
            "(cast(days.date_day as timestamp) "
            "+ coalesce(opening_hours.opens_minute, 0) * interval '1 minute')",
            'schedules.time_zone'
        ) }} as opens_at,
        {{ local_to_utc(
            "(cast(days.date_day as timestamp) "
            "+ coalesce(opening_hours.closes_minute, 0) * interval '1 minute')",
            'schedules.time_zone'
        ) }} as closes_at
    from schedules
    inner join first_hours
        on schedules.schedule = first_hours.schedule
    inner join days
        on first_hours.first_date <= days.date_day
    left join holidays
        on
            schedules.schedule = holidays.schedule
            and days.date_day = holidays.holiday_date
    left join opening_hours
        on
            schedules.schedule = opening_hours.schedule
            and {{ iso_dow('days.date_day') }} = opening_hours.weekday
            and days.date_day >= opening_hours.valid_from
            and days.date_day < coalesce(opening_hours.valid_to, cast('9999-12-31' as date))
            and holidays.holiday_date is null

),

-- Seconds that pass, not those that a clock on the wall shows when summer time begins or ends.
measured as (

    select
        *,
        {{ seconds_between('opens_at', 'closes_at') }} as open_seconds
    from windows

),

final as (

    select
        schedule,
        time_zone,
        local_date,
        opens_at,
        open_seconds,
        cast(
            coalesce(
                sum(open_seconds) over (
                    partition by schedule
                    order by local_date nulls last
                    rows between unbounded preceding and 1 preceding
                ),
                0
            ) as numeric(18, 6)
        ) as open_seconds_before
    from measured

)

select * from final
