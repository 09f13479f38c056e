-- Grain: one row per account and version of its plan tier known by the as-of day.
with history as (select * from {{ ref('int_account_history') }}),

tiers as (

    select
        lower(plan_tier) as plan_tier,
        tier_rank
    from {{ ref('plan_tiers') }}

),

compared as (

    select
        account_id,
        version_number,
        changed_at,
        valid_from_at,
        plan_tier,
        lag(plan_tier) over (
            partition by account_id order by version_number nulls last
        ) as previous_plan_tier
    from history

),

-- Other attributes change too; only a new tier starts a version here.
changes as (

    select * from compared
    where
        version_number = 1
        or plan_tier <> previous_plan_tier

),

versioned as (

    select
        account_id,
        changed_at,
        valid_from_at,
        plan_tier,
        previous_plan_tier,
        row_number() over (
            partition by account_id order by version_number nulls last
        ) as version_number,
        lead(valid_from_at) over (
            partition by account_id order by version_number nulls last
        ) as next_valid_from_at
    from changes

),

final as (

    select
        versioned.account_id,
        versioned.version_number,
        versioned.changed_at,
        versioned.valid_from_at,
        coalesce(versioned.next_valid_from_at, cast('9999-12-31' as timestamp)) as valid_to_at,
        versioned.next_valid_from_at is null as is_current,
        versioned.plan_tier,
        versioned.previous_plan_tier,
        case
            when versioned.previous_plan_tier is null then 'none'
            when tiers.tier_rank > previous_tiers.tier_rank then 'upgrade'
            when tiers.tier_rank < previous_tiers.tier_rank then 'downgrade'
            when tiers.tier_rank = previous_tiers.tier_rank then 'none'
            else 'unknown'
        end as direction
    from versioned
    left join tiers
        on lower(versioned.plan_tier) = tiers.plan_tier
    left join tiers as previous_tiers
        on lower(versioned.previous_plan_tier) = previous_tiers.plan_tier

)

select * from final
