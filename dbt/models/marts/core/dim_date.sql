-- Grain: one row per calendar day.
with days as (

    select * from {{ ref('int_day') }}

),

final as (

    select
        date_day,
        week_start,
        month_start,
        cast(date_trunc('quarter', date_day) as date) as quarter_start,
        cast(date_trunc('year', date_day) as date) as year_start,
        fiscal_year_start,
        fiscal_year_end,
        {{ iso_dow('date_day') }} as iso_day_of_week,
        {{ iso_week('date_day') }} as iso_week,
        {{ iso_dow('date_day') }} >= 6 as is_weekend
    from days

)

select * from final
