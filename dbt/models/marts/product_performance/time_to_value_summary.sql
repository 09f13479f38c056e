-- Grain: one row per grain (week, month), period, population and member of each account dimension.
{#
  Accounts whose first value fell on or before the last observed day of the period.
  population: all accounts (the book's metric), or observed (without the left-censored ones).
#}
with periods as (

    {{ periods_of(['accounts'], daily='requests') }}

),

accounts as (

    select * from {{ ref('time_to_value') }}
    where days_to_value is not null

),

populations as (

    select
        'all' as population,
        accounts.*
    from accounts

    union all

    select
        'observed' as population,
        accounts.*
    from accounts
    where not accounts.is_left_censored

),

known_members as (

    {{ members_reach() }}

),

expanded as (

    select
        periods.grain,
        periods.period_start,
        {{ is_over_and_known('grain_dimensions') }} as is_complete,
        populations.population,
        grain_dimensions.dimension,
        {{ account_dimension_value('populations', region='region') }} as dimension_value,
        populations.days_to_value
    from populations
    inner join periods
        on populations.first_value_date <= periods.observed_end
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            periods.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'
    cross join known_members

),

final as (

    select
        grain,
        period_start,
        population,
        dimension,
        dimension_value,
        is_complete,
        cast(count(*) as bigint) as account_count,
        cast({{ percentile(0.50, 'days_to_value') }} as numeric(18, 6))
            as time_to_value_p50_days,
        cast({{ percentile(0.90, 'days_to_value') }} as numeric(18, 6))
            as time_to_value_p90_days,
        cast(max(days_to_value) as numeric(18, 6)) as time_to_value_p100_days
    from expanded
    group by grain, period_start, population, dimension, dimension_value, is_complete

)

select * from final
