-- Grain: one row per grain (week, month, ytd) and period of which a day of revenue is observed.
{#
  ytd is the fiscal year up to its end or the as-of day. It is compared with the same span of the
  fiscal year before; weeks and months are compared with the calendar's period before.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

coverage as (

    select first_date from {{ ref('int_first_observed') }}
    where feed = 'revenue'

),

reach as (

    {{ reach_of(['revenue']) }}

),

fiscal_years as (

    select distinct
        int_day.fiscal_year_start,
        int_day.fiscal_year_end
    from {{ ref('int_day') }} as int_day
    inner join as_of
        on int_day.date_day <= as_of.as_of_date

),

periods as (

    select
        grain,
        period_start,
        period_end,
        observed_end,
        observed_end_at,
        is_complete,
        previous_period_start,
        cast(period_start - interval '1 day' as date) as previous_period_end
    from {{ ref('int_feed_period') }}
    where feed = 'revenue'

    union all

    select
        'ytd' as grain,
        fiscal_years.fiscal_year_start as period_start,
        fiscal_years.fiscal_year_end as period_end,
        case
            when fiscal_years.fiscal_year_end < as_of.as_of_date
                then fiscal_years.fiscal_year_end
            else as_of.as_of_date
        end as observed_end,
        case
            when fiscal_years.fiscal_year_end < as_of.as_of_date
                then cast(fiscal_years.fiscal_year_end + interval '1 day' as timestamp)
            else as_of.as_of_end_at
        end as observed_end_at,
        fiscal_years.fiscal_year_end <= as_of.as_of_date
        and fiscal_years.fiscal_year_end <= reach.last_date as is_complete,
        cast(fiscal_years.fiscal_year_start - interval '12 month' as date)
            as previous_period_start,
        -- A whole year has the whole year before beside it, with or without a 29 February.
        case
            when fiscal_years.fiscal_year_end <= as_of.as_of_date
                then cast(fiscal_years.fiscal_year_start - interval '1 day' as date)
            else cast(as_of.as_of_date - interval '12 month' as date)
        end as previous_period_end
    from fiscal_years
    cross join as_of
    cross join reach

),

observed as (

    select
        periods.*,
        case
            when coverage.first_date > periods.period_start then coverage.first_date
            else periods.period_start
        end as observed_start,
        -- Rates of change need whole weeks and months, all that is compared of a year to date, and
        -- the whole span before.
        (periods.is_complete or (periods.grain = 'ytd' and periods.observed_end <= reach.last_date))
        and coverage.first_date <= periods.previous_period_start as is_comparable
    from periods
    inner join coverage
        on periods.observed_end >= coverage.first_date
    cross join reach

),

final as (

    select
        grain,
        period_start,
        period_end,
        observed_start,
        observed_end,
        observed_end_at,
        is_complete,
        {{ days_between('period_start', 'period_end') }} + 1 as period_days,
        {{ days_between('observed_start', 'observed_end') }} + 1 as observed_days,
        previous_period_start,
        previous_period_end,
        is_comparable
    from observed

)

select * from final
