-- Grain: one row per grain (week, month, ytd) and period in which requests are observed; ytd is the
-- fiscal year of the as-of day, up to the last day that requests reach.
with periods as (

    select * from {{ ref('int_feed_period') }}
    where feed = 'requests'

),

reach as (

    {{ reach_of(['requests']) }}

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
        year_to_date.fiscal_year_start as period_start,
        year_to_date.fiscal_year_end as period_end,
        case
            when year_to_date.as_of_date < reach.last_date then year_to_date.as_of_date
            else reach.last_date
        end as observed_end,
        year_to_date.fiscal_year_end <= year_to_date.as_of_date
        and year_to_date.fiscal_year_end <= reach.last_date as is_complete
    from year_to_date
    inner join reach
        on year_to_date.fiscal_year_start <= reach.last_date

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
