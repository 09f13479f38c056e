-- Grain: one row per account, the newest version of its plan tier known by the as-of day.
{{ config(materialized='ephemeral') }}

with final as (

    select
        account_id,
        changed_at,
        plan_tier,
        previous_plan_tier,
        direction
    from {{ ref('int_plan_tier_history') }}
    where is_current

)

select * from final
