-- Grain: one row per model variant, source region and version of its availability.
with history as (select * from {{ ref('int_model_availability_history') }}),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['model_variant', 'source_region', 'version_number']) }}
            as model_availability_version_key,
        model_variant,
        source_region,
        version_number,
        valid_from_date,
        valid_to_date,
        is_current,
        is_active,
        routing_strategy,
        inference_region
    from history

)

select * from final
