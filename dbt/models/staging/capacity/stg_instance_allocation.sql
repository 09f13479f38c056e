-- Grain: one row per model variant, region, instance type and snapshot.
with

source as (
    {{ delivered('capacity', 'resource_model_instance_allocation') }}
),

cleaned as (
    select
        trim(model_variant) as model_variant,
        {{ text_or_unknown('region') }} as region,
        {{ text_or_unknown('instance_type') }} as instance_type,
        {{ to_utc('event_timestamp') }} as observed_at,
        cast(coalesce(used_instances, 0) as integer) as used_instances,
        cast(coalesce(warmpool_instances, 0) as integer) as warmpool_instances,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

ranked as (
    select
        *,
        {{ version_rank(
            key=['model_variant', 'region', 'instance_type', 'observed_at'],
            newest=['loaded_at'],
            tie_breakers=['used_instances', 'warmpool_instances']
        ) }} as version_rank
    from cleaned
),

latest as (
    select
        *,
        used_instances + warmpool_instances as allocated_instances
    from ranked
    where version_rank = 1
),

final as (
    select
        model_variant,
        region,
        instance_type,
        observed_at,
        used_instances,
        warmpool_instances,
        allocated_instances,
        loaded_at
    from latest
)

select * from final
