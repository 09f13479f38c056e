-- Grain: one row per model variant, source region and snapshot day; every version is kept.
with

source as (
    {{ delivered('inference', 'config_model_region_availability') }}
),

cleaned as (
    select
        trim(model_variant) as model_variant,
        {{ text_or_unknown('source_region') }} as source_region,
        cast(snapshot_date as date) as snapshot_date,
        {{ to_utc('deployed_at') }} as deployed_at,
        cast(is_active as boolean) as is_active,
        {{ text_or_unknown('routing_strategy') }} as routing_strategy,
        {{ text_or_unknown('inference_region') }} as inference_region,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['model_variant', 'source_region', 'snapshot_date'],
        tie_breakers=['deployed_at', 'is_active', 'routing_strategy', 'inference_region']
    ) }}
)

select * from newest
