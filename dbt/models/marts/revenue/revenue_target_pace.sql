-- Grain: one row per complete week since revenue is observed, for the whole company.
{#
  catch_up_cwgr_pct is the book's R.5, (target / ytd)^(1 / remaining weeks) - 1.
  required_weekly_growth_pct is the g with sum(w * (1 + g)^k, k = 1..remaining) = target - ytd for
  the revenue w of this week; the sum grows with g, so halving an interval 60 times finds it.
#}
{%- set middle = double_quotient('low + high', '2') %}
with recursive weeks as (

    select
        revenue.period_start,
        revenue.fiscal_year_start,
        revenue.net_revenue as weekly_revenue,
        revenue.ytd_revenue,
        -- Of year-to-date revenue, in force on the first day of the week.
        targets.target as annual_target,
        -- Weeks still to come: the Mondays after this week that lie in the fiscal year.
        cast(
            floor({{ days_between('revenue.period_start', 'periods.fiscal_year_end') }} / 7.0)
            as integer
        ) as remaining_weeks
    from {{ ref('revenue_summary') }} as revenue
    inner join {{ ref('int_period') }} as periods
        on {{ columns_equal('revenue', 'periods', ['grain', 'period_start']) }}
    left join {{ ref('stg_metric_targets') }} as targets
        on
            targets.metric = 'ytd_revenue'
            and revenue.period_start >= targets.valid_from
            and revenue.period_start < targets.valid_to
    where
        revenue.grain = 'week'
        and revenue.dimension = 'all'
        and revenue.is_complete

),

searches as (

    select
        period_start,
        remaining_weeks,
        cast((annual_target - ytd_revenue) / weekly_revenue as {{ type_double() }})
            as multiple_needed
    from weeks
    where
        weekly_revenue > 0
        and remaining_weeks > 0
        and annual_target > ytd_revenue

),

-- growth_factor is 1 + g. Its power of remaining_weeks is one of the terms that add up to
-- multiple_needed, so it lies between 0 and 1 + the root of multiple_needed.
halvings as (

    select
        period_start,
        remaining_weeks,
        multiple_needed,
        cast(0 as {{ type_double() }}) as low,
        1 + power(multiple_needed, 1.0 / remaining_weeks) as high,
        0 as step
    from searches

    union all

    select
        period_start,
        remaining_weeks,
        multiple_needed,
        case when geometric_sum < multiple_needed then middle else low end as low,
        case when geometric_sum < multiple_needed then high else middle end as high,
        step + 1 as step
    from (
        select
            *,
            {{ middle }} as middle,
            case
                when
                    abs({{ middle }} - 1) < 1e-9
                    then remaining_weeks
                else
                    {{ double_quotient(
                        middle ~ ' * (power(' ~ middle ~ ', remaining_weeks) - 1)', middle ~ ' - 1'
                    ) }}
            end as geometric_sum
        from halvings
        where step < 60
    ) as halved

),

solutions as (

    select
        period_start,
        100 * ({{ middle }} - 1) as required_weekly_growth_pct
    from halvings
    where step = 60

),

final as (

    select
        'week' as grain,
        weeks.period_start,
        'all' as dimension,
        'all' as dimension_value,
        true as is_complete,
        weeks.fiscal_year_start,
        weeks.weekly_revenue,
        weeks.ytd_revenue,
        weeks.annual_target,
        {{ pct('weeks.ytd_revenue', 'weeks.annual_target') }} as target_attainment_pct,
        cast(weeks.remaining_weeks as integer) as remaining_weeks,
        cast(
            case
                when weeks.remaining_weeks > 0 and weeks.ytd_revenue > 0 and weeks.annual_target > 0
                    then
                        100 * (
                            power(
                                cast(
                                    weeks.annual_target / weeks.ytd_revenue as {{ type_double() }}
                                ),
                                1.0 / weeks.remaining_weeks
                            ) - 1
                        )
            end as numeric(38, 6)
        ) as catch_up_cwgr_pct,
        cast(solutions.required_weekly_growth_pct as numeric(38, 6)) as required_weekly_growth_pct
    from weeks
    left join solutions
        on weeks.period_start = solutions.period_start

)

select * from final
