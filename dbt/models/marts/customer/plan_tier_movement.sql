-- Grain: one row per grain, period and member of each account dimension with at least one account
-- at its start.
{#
  The cohort is fixed: accounts on a plan when the period begins, by their attributes at that instant.
  Not there: who is known to be inactive, and whose contract has ended and of whom nothing is known
  since. Where they stand at its end counts, so there and back within a period is no movement.
#}
with periods as (

    select
        *,
        cast(period_start as timestamp) as start_at
    from ({{ periods_of(['accounts', 'subscriptions']) }}) as periods

),

account_history as (select * from {{ ref('dim_account_history') }}),

tier_history as (select * from {{ ref('dim_plan_tier_history') }}),

tiers as (

    select
        lower(plan_tier) as plan_tier,
        tier_rank
    from {{ ref('plan_tiers') }}

),

cohorts as (

    select
        periods.grain,
        periods.period_start,
        periods.is_complete,
        opening.account_id,
        account_history.segment,
        account_history.home_region,
        opening.plan_tier as opening_plan_tier,
        closing.plan_tier as closing_plan_tier
    from periods
    inner join tier_history as opening
        on
            periods.start_at >= opening.valid_from_at
            and periods.start_at < opening.valid_to_at
    inner join account_history
        on
            opening.account_id = account_history.account_id
            and periods.start_at >= account_history.valid_from_at
            and periods.start_at < account_history.valid_to_at
            and coalesce(account_history.is_active, true)
            and account_history.plan_tier_source <> 'ended_contract'
    -- The last instant of the period: a version that begins with the next one is not counted yet.
    inner join tier_history as closing
        on
            opening.account_id = closing.account_id
            and periods.observed_end_at > closing.valid_from_at
            and periods.observed_end_at <= closing.valid_to_at

),

ranked as (

    select
        cohorts.*,
        case
            when closing_tiers.tier_rank > opening_tiers.tier_rank then 'upgrade'
            when closing_tiers.tier_rank < opening_tiers.tier_rank then 'downgrade'
            when closing_tiers.tier_rank = opening_tiers.tier_rank then 'none'
            when cohorts.opening_plan_tier = cohorts.closing_plan_tier then 'none'
            else 'unknown'
        end as direction
    from cohorts
    left join tiers as opening_tiers
        on lower(cohorts.opening_plan_tier) = opening_tiers.plan_tier
    left join tiers as closing_tiers
        on lower(cohorts.closing_plan_tier) = closing_tiers.plan_tier

),

ranked_by_member as (

    select
        ranked.*,
        grain_dimensions.dimension,
        {{ dimension_value({
            'plan_tier': 'ranked.opening_plan_tier', 'segment': 'ranked.segment',
            'region': 'ranked.home_region',
        }) }} as dimension_value
    from ranked
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            ranked.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'

),

counted as (

    select
        grain,
        period_start,
        is_complete,
        dimension,
        dimension_value,
        count(*) as opening_accounts,
        count(*) filter (where direction = 'upgrade') as upgraded_accounts,
        count(*) filter (where direction = 'downgrade') as downgraded_accounts,
        count(*) filter (where direction = 'none') as unchanged_accounts,
        count(*) filter (where direction = 'unknown') as unranked_accounts
    from ranked_by_member
    group by grain, period_start, is_complete, dimension, dimension_value

),

final as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        opening_accounts,
        upgraded_accounts,
        downgraded_accounts,
        unchanged_accounts,
        unranked_accounts,
        {{ pct('upgraded_accounts', 'opening_accounts') }} as upgrade_rate_pct,
        {{ pct('downgraded_accounts', 'opening_accounts') }} as downgrade_rate_pct
    from counted

)

select * from final
