-- Grain: one row per account and time in which its contracts say one thing of its plan tier.
{#
  A contract tells the tier when it bears the name of one (seeds/plan_tiers.csv) and is in force; a
  trial tells none. Of several the highest counts. When the last has ended its tier is still the last
  that was told, and is_in_force is false.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

plans as (

    select
        contracts.account_id,
        contracts.in_force_from_at,
        contracts.in_force_to_at,
        tiers.plan_tier,
        tiers.tier_rank
    from {{ ref('int_contract_history') }} as contracts
    inner join {{ ref('plan_tiers') }} as tiers
        on lower(contracts.plan_name) = lower(tiers.plan_tier)
    inner join as_of
        on contracts.in_force_from_at < as_of.as_of_end_at
    where
        contracts.in_force_from_at < contracts.in_force_to_at
        and not contracts.is_trial

),

instants as (

    select
        account_id,
        in_force_from_at as valid_from_at
    from plans

    union

    select
        plans.account_id,
        plans.in_force_to_at as valid_from_at
    from plans
    inner join as_of
        on plans.in_force_to_at < as_of.as_of_end_at

),

in_force as (

    select
        instants.account_id,
        instants.valid_from_at,
        plans.plan_tier,
        row_number() over (
            partition by instants.account_id, instants.valid_from_at
            order by plans.tier_rank desc nulls last, plans.plan_tier asc nulls last
        ) as tier_number
    from instants
    left join plans
        on
            instants.account_id = plans.account_id
            and instants.valid_from_at >= plans.in_force_from_at
            and instants.valid_from_at < plans.in_force_to_at

),

compared as (

    select
        account_id,
        valid_from_at,
        plan_tier,
        lag(plan_tier) over (
            partition by account_id order by valid_from_at nulls last
        ) as previous_plan_tier
    from in_force
    where tier_number = 1

),

-- A contract that follows another of the same tier changes nothing.
changes as (

    select * from compared
    where plan_tier is distinct from previous_plan_tier

),

final as (

    select
        account_id,
        valid_from_at,
        lead(valid_from_at, 1, cast('9999-12-31' as timestamp)) over (
            partition by account_id order by valid_from_at nulls last
        ) as valid_to_at,
        coalesce(plan_tier, previous_plan_tier) as plan_tier,
        plan_tier is not null as is_in_force
    from changes

)

select * from final
