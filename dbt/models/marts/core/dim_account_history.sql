-- Grain: one row per account and version of its attributes.
with history as (select * from {{ ref('int_account_history') }}),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['account_id', 'version_number']) }}
            as account_version_key,
        account_id,
        version_number,
        valid_from_at,
        valid_to_at,
        is_current,
        account_name,
        segment,
        plan_tier,
        plan_tier_source,
        vertical,
        home_region,
        is_active
    from history

)

select * from final
