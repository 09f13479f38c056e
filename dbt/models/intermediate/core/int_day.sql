-- Grain: one row per calendar day from the year of the first observation to the end of the year
-- after the as-of day.
with as_of as (select * from {{ ref('int_as_of') }}),

bounds as (

    select
        cast(
            date_trunc(
                'year', coalesce(min(first_observed.first_date), min(as_of.as_of_date))
            ) as date
        ) as first_day,
        cast(
            date_trunc('year', min(as_of.as_of_date)) + interval '24 month' as date
        ) as end_day
    from as_of
    left join {{ ref('int_first_observed') }} as first_observed
        on as_of.as_of_date >= first_observed.first_date

),

digits as (

    {%- for digit in range(10) %}
    select {{ digit }} as digit
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

-- 100,000 days: 273 years are enough for any first observation after 1753.
numbers as (

    select a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit + 10000 * e.digit as day_number
    from digits as a
    cross join digits as b
    cross join digits as c
    cross join digits as d
    cross join digits as e

),

days as (

    select cast(bounds.first_day + numbers.day_number * interval '1 day' as date) as date_day
    from bounds
    cross join numbers
    where numbers.day_number < {{ days_between('bounds.first_day', 'bounds.end_day') }}

),

fiscal as (

    select
        date_day,
        cast(
            date_trunc(
                'year', date_day - interval '{{ setting("fiscal_year_start_month") - 1 }} month'
            ) + interval '{{ setting("fiscal_year_start_month") - 1 }} month' as date
        ) as fiscal_year_start
    from days

),

final as (

    select
        date_day,
        cast(date_trunc('week', date_day) as date) as week_start,
        cast(date_trunc('month', date_day) as date) as month_start,
        fiscal_year_start,
        cast(fiscal_year_start + interval '12 month' - interval '1 day' as date) as fiscal_year_end
    from fiscal

)

select * from final
