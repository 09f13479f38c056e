-- Grain: one row per account and version of its plan tier.
with history as (select * from {{ ref('int_plan_tier_history') }}),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['account_id', 'version_number']) }}
            as plan_tier_version_key,
        account_id,
        version_number,
        changed_at,
        valid_from_at,
        valid_to_at,
        is_current,
        plan_tier,
        previous_plan_tier,
        direction
    from history

)

select * from final
