-- Grain: one row per grain (week, month), period and member of each account dimension with feature
-- use.
{# A feature counts as available from its release; use of a feature never released is left out. #}
with periods as (

    select * from {{ ref('int_feed_period') }}
    where feed = 'product_events'

),

releases as (select * from {{ ref('dim_feature') }}),

available as (

    select
        periods.grain,
        periods.period_start,
        count(*) as available_features
    from periods
    inner join releases
        on periods.observed_end_at > releases.released_at
    group by periods.grain, periods.period_start

),

feature_usage as (

    {{ by_grain(ref('fct_feature_usage_daily'), 'usage_date') }}

),

used as (

    select distinct
        periods.grain,
        periods.period_start,
        periods.is_complete,
        feature_usage.account_id,
        feature_usage.feature_name
    from feature_usage
    inner join releases
        on
            feature_usage.feature_name = releases.feature_name
            and feature_usage.usage_date >= releases.released_date
    inner join periods
        on {{ columns_equal('feature_usage', 'periods', ['grain', 'period_start']) }}

),

used_by_member as (

    select
        used.*,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value
    from used
    inner join {{ ref('dim_account') }} as accounts
        on used.account_id = accounts.account_id
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            used.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'

),

counted as (

    select
        grain,
        period_start,
        is_complete,
        dimension,
        dimension_value,
        count(*) as features_used_sum,
        count(distinct account_id) as active_accounts,
        count(distinct feature_name) as used_features
    from used_by_member
    group by grain, period_start, is_complete, dimension, dimension_value

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
        cast(counted.features_used_sum as bigint) as features_used_sum,
        cast(counted.used_features as bigint) as used_features,
        cast(available.available_features as bigint) as available_features,
        {{ pct(
            'counted.features_used_sum', 'counted.active_accounts * available.available_features'
        ) }} as adoption_depth_pct,
        {{ pct('counted.used_features', 'available.available_features') }} as feature_breadth_pct
    from counted
    inner join available
        on {{ columns_equal('counted', 'available', ['grain', 'period_start']) }}
    cross join known_members

)

select * from final
