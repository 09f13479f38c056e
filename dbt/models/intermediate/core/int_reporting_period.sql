-- Grain: one row per grain (week, month, ytd) and period in which requests are observed; ytd is the
-- fiscal year of the as-of day.
with periods as (

    select * from {{ ref('int_feed_period') }}
    where feed = 'requests'

),

year_to_date as (

    select
        int_day.fiscal_year_start,
        int_day.fiscal_year_end,
        as_of.as_of_date
    from {{ ref('int_as_of') }} as as_of
    inner join {{ ref('int_day') }} as int_day
        on as_of.as_of_date = int_day.date_day

),

unioned as (

    select
        grain,
        period_start,
        period_end,
        observed_end,
        is_complete
    from periods

    union all

    select
        'ytd' as grain,
        fiscal_year_start as period_start,
        fiscal_year_end as period_end,
        as_of_date as observed_end,
        fiscal_year_end <= as_of_date as is_complete
    from year_to_date

),

final as (

    select
        grain,
        period_start,
        period_end,
        observed_end,
        {{ days_between('period_start', 'observed_end') }} + 1 as observed_days,
        is_complete
    from unioned

)

select * from final
