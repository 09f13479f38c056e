-- Grain: one row per grain (week, month), period and plan tier that an active account ever had, and
-- one for all of them, since revenue is observed.
{#
  The tier is that of the end of the period, so a later upgrade does not rewrite it: shares of today's
  tiers would not move. Without an active account there is no share, and no row.
#}
with periods as (

    {{ periods_of(['accounts'], daily='revenue') }}

),

active_accounts as (

    select
        grain,
        period_start,
        account_id
    from {{ ref('fct_account_period_dimension') }}
    where
        dimension = 'all'
        and is_active_paying

),

counted as (

    select
        periods.grain,
        periods.period_start,
        periods.is_complete,
        coalesce(history.plan_tier, 'Unknown') as plan_tier,
        count(*) as tier_accounts
    from periods
    inner join active_accounts
        on {{ columns_equal('periods', 'active_accounts', ['grain', 'period_start']) }}
    left join {{ ref('dim_account_history') }} as history
        on
            active_accounts.account_id = history.account_id
            and periods.observed_end_at > history.valid_from_at
            and periods.observed_end_at <= history.valid_to_at
    group by
        periods.grain, periods.period_start, periods.is_complete,
        coalesce(history.plan_tier, 'Unknown')

),

totals as (

    select
        grain,
        period_start,
        is_complete,
        sum(tier_accounts) as active_accounts
    from counted
    group by grain, period_start, is_complete

),

tiers as (

    select distinct
        grain,
        plan_tier
    from counted

),

shares as (

    select
        totals.*,
        'plan_tier' as dimension,
        tiers.plan_tier as dimension_value,
        coalesce(counted.tier_accounts, 0) as tier_accounts
    from totals
    inner join tiers
        on totals.grain = tiers.grain
    left join counted
        on
            {{ columns_equal('totals', 'counted', ['grain', 'period_start']) }}
            and tiers.plan_tier = counted.plan_tier

    union all

    select
        totals.*,
        'all' as dimension,
        'all' as dimension_value,
        totals.active_accounts as tier_accounts
    from totals

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        shares.grain,
        shares.period_start,
        shares.dimension,
        shares.dimension_value,
        shares.is_complete
        and {{ knows_members('shares.dimension', 'shares.grain', 'shares.period_start') }}
            as is_complete,
        cast(shares.tier_accounts as bigint) as tier_accounts,
        cast(shares.active_accounts as bigint) as active_accounts,
        {{ pct('shares.tier_accounts', 'shares.active_accounts') }} as tier_adoption_rate_pct
    from shares
    cross join known_members

)

select * from final
