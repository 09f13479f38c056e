-- Grain: one row per grain (week, month) and period from the first observation to the as-of day.
with as_of as (select * from {{ ref('int_as_of') }}),

first_observed as (

    select min(first_date) as first_date from {{ ref('int_first_observed') }}

),

days as (

    select int_day.*
    from {{ ref('int_day') }} as int_day
    cross join as_of
    cross join first_observed
    where
        int_day.date_day <= as_of.as_of_date
        and int_day.date_day >= cast(date_trunc('month', first_observed.first_date) as date)

),

period_starts as (

    select
        'week' as grain,
        week_start as period_start,
        cast(week_start + interval '6 day' as date) as period_end,
        cast(week_start - interval '7 day' as date) as previous_period_start,
        cast(week_start - interval '364 day' as date) as year_ago_period_start
    from days

    union

    select
        'month' as grain,
        month_start as period_start,
        cast(month_start + interval '1 month' - interval '1 day' as date) as period_end,
        cast(month_start - interval '1 month' as date) as previous_period_start,
        cast(month_start - interval '12 month' as date) as year_ago_period_start
    from days

),

observed as (

    select
        period_starts.grain,
        period_starts.period_start,
        period_starts.period_end,
        period_starts.previous_period_start,
        period_starts.year_ago_period_start,
        -- The last day of the period that has been observed, and the instant after it.
        case
            when period_starts.period_end < as_of.as_of_date then period_starts.period_end
            else as_of.as_of_date
        end as observed_end,
        case
            when period_starts.period_end < as_of.as_of_date
                then cast(period_starts.period_end + interval '1 day' as timestamp)
            else as_of.as_of_end_at
        end as observed_end_at,
        period_starts.period_end <= as_of.as_of_date as is_complete
    from period_starts
    cross join as_of

),

-- The fiscal year of a period is that of its last observed day.
final as (

    select
        observed.*,
        int_day.fiscal_year_start,
        int_day.fiscal_year_end,
        case
            when observed.grain = 'month'
                then cast(date_trunc('month', int_day.fiscal_year_start) as date)
            when
                cast(date_trunc('week', int_day.fiscal_year_start) as date)
                = int_day.fiscal_year_start
                then int_day.fiscal_year_start
            else cast(date_trunc('week', int_day.fiscal_year_start) + interval '7 day' as date)
        end as fiscal_first_period_start
    from observed
    inner join {{ ref('int_day') }} as int_day
        on observed.observed_end = int_day.date_day

)

select * from final
