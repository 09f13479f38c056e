-- Grain: one row per model variant and source region, as last configured by the as-of day.
{{ config(materialized='ephemeral') }}

with final as (

    select
        model_variant,
        source_region,
        cast(valid_from_date as timestamp) as changed_at,
        is_active,
        routing_strategy,
        inference_region
    from {{ ref('int_model_availability_history') }}
    where is_current

)

select * from final
