-- Grain: one row per revenue period and day observed of it, or of the span it is compared with.
with periods as (select * from {{ ref('int_revenue_period') }}),

days as (

    select date_day from {{ ref('int_day') }}

),

final as (

    select
        periods.grain,
        periods.period_start,
        days.date_day,
        false as is_previous
    from periods
    inner join days
        on
            periods.observed_start <= days.date_day
            and periods.observed_end >= days.date_day

    union all

    select
        periods.grain,
        periods.period_start,
        days.date_day,
        true as is_previous
    from periods
    inner join days
        on
            periods.previous_period_start <= days.date_day
            and periods.previous_period_end >= days.date_day
    where periods.is_comparable

)

select * from final
