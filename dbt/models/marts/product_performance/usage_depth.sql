-- Grain: one row per grain (week, month), period and member of each account dimension with an
-- account that sent a request.
{# A request that names no model, or no account, is no model and no account more. #}
with periods as (

    select * from {{ ref('int_feed_period') }}
    where feed = 'requests'

),

dated_usage as (

    {{ by_grain(ref('fct_usage_daily'), 'usage_date') }}

),

account_periods as (

    select
        grain,
        period_start,
        account_id,
        count(distinct case when model_variant <> 'Unknown' then model_variant end) as model_count
    from dated_usage
    where account_id <> 'Unknown'
    group by grain, period_start, account_id

),

by_member as (

    select
        periods.grain,
        periods.period_start,
        periods.is_complete,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value,
        account_periods.model_count
    from account_periods
    inner join periods
        on {{ columns_equal('account_periods', 'periods', ['grain', 'period_start']) }}
    inner join {{ ref('dim_account') }} as accounts
        on account_periods.account_id = accounts.account_id
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            periods.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'

),

counted as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        count(*) as active_accounts,
        count(*) filter (where model_count >= 2) as multi_model_accounts
    from by_member
    group by grain, period_start, dimension, dimension_value, is_complete

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        counted.grain,
        counted.period_start,
        counted.dimension,
        counted.dimension_value,
        counted.is_complete
        and {{ knows_members('counted.dimension', 'counted.grain', 'counted.period_start') }}
            as is_complete,
        cast(counted.active_accounts as bigint) as active_accounts,
        cast(counted.multi_model_accounts as bigint) as multi_model_accounts,
        {{ pct('counted.multi_model_accounts', 'counted.active_accounts') }}
            as multi_model_adoption_rate_pct
    from counted
    cross join known_members

)

select * from final
