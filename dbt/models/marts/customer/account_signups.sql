-- Grain: one row per grain (week, month), period and member of each account dimension since the
-- first sign-up.
with periods as (

    {{ periods_of(['accounts']) }}

),

accounts as (

    select * from {{ ref('dim_account') }}
    where signed_up_date is not null

),

expanded as (

    select
        grain_dimensions.grain,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value,
        accounts.account_id,
        accounts.signed_up_date
    from accounts
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on grain_dimensions.dimension <> 'product'

),

members as (

    select
        grain,
        dimension,
        dimension_value,
        min(signed_up_date) as first_date
    from expanded
    group by grain, dimension, dimension_value

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        periods.grain,
        periods.period_start,
        members.dimension,
        members.dimension_value,
        {{ is_over_and_known('members') }} as is_complete,
        cast(count(expanded.account_id) as bigint) as signups
    from periods
    inner join members
        on
            periods.grain = members.grain
            and periods.period_end >= members.first_date
    left join expanded
        on
            {{ columns_equal('members', 'expanded', ['grain', 'dimension', 'dimension_value']) }}
            and periods.period_start <= expanded.signed_up_date
            and periods.observed_end >= expanded.signed_up_date
    cross join known_members
    group by
        periods.grain, periods.period_start, members.dimension, members.dimension_value,
        periods.is_complete, known_members.accounts_date, known_members.plans_date

)

select * from final
