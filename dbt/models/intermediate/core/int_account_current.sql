-- Grain: one row per account, its newest version known by the as-of day.
{{ config(materialized='ephemeral') }}

with final as (

    select
        account_id,
        changed_at,
        account_name,
        segment,
        plan_tier,
        vertical,
        home_region,
        is_active
    from {{ ref('int_account_history') }}
    where is_current

)

select * from final
