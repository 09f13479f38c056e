-- Grain: one row per calendar day.
with days as (select * from {{ ref('int_day') }}),

as_of as (select * from {{ ref('int_as_of') }}),

final as (

    select
        days.date_day,
        days.week_start,
        days.month_start,
        cast(date_trunc('quarter', days.date_day) as date) as quarter_start,
        cast(date_trunc('year', days.date_day) as date) as year_start,
        days.fiscal_year_start,
        days.fiscal_year_end,
        {{ iso_dow('days.date_day') }} as iso_day_of_week,
        {{ iso_week('days.date_day') }} as iso_week,
        {{ iso_dow('days.date_day') }} >= 6 as is_weekend,
        days.date_day <= as_of.as_of_date as is_observed
    from days
    cross join as_of

)

select * from final
