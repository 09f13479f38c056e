-- Grain: one row per grain (week, month), sign-up period and member of each account dimension with
-- at least one sign-up.
{#
  int_account_adoption says who has adopted. A cohort is final once its youngest possible member is older
  than the window; before that the rate can only rise.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

-- Cohorts older than the observed usage cannot be judged.
periods as (

    {{ periods_of(['accounts'], daily='requests') }}

),

accounts as (select * from {{ ref('dim_account') }}),

adoption as (select * from {{ ref('int_account_adoption') }}),

reach as (

    {{ reach_of(['requests']) }}

),

known_members as (

    {{ members_reach() }}

),

members as (

    select
        periods.grain,
        periods.period_start,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value,
        {{ is_over_and_known('grain_dimensions') }} as is_complete,
        {{ is_over_and_known('grain_dimensions') }}
        and {{ is_window_over(
            'periods.period_end', var('adoption_window_days'), 'as_of.as_of_date'
        ) }}
        and {{ is_window_over(
            'periods.period_end', var('adoption_window_days'), 'reach.last_date'
        ) }} as is_final,
        adoption.is_adopted
    from accounts
    inner join adoption
        on accounts.account_id = adoption.account_id
    inner join periods
        on
            accounts.signed_up_date >= periods.period_start
            and accounts.signed_up_date <= periods.observed_end
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            periods.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'
    cross join as_of
    cross join known_members
    cross join reach

),

final as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        is_final,
        cast(count(*) as bigint) as cohort_accounts,
        cast(count(*) filter (where is_adopted) as bigint) as adopted_accounts,
        {{ pct('count(*) filter (where is_adopted)', 'count(*)') }} as adoption_rate_pct
    from members
    group by grain, period_start, dimension, dimension_value, is_complete, is_final

)

select * from final
