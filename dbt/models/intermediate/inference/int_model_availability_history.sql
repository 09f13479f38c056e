-- Grain: one row per model variant, source region and version of its availability.
{#
  A snapshot that says the same as the one before it starts no version, and a day without a
  snapshot changes nothing: what was said last holds until something else is said.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

snapshots as (

    select regions.*
    from {{ ref('stg_model_regions') }} as regions
    inner join as_of
        on regions.snapshot_date <= as_of.as_of_date

),

compared as (

    select
        *,
        row_number() over (
            partition by model_variant, source_region order by snapshot_date nulls last
        ) as snapshot_number,
        lag(is_active) over (
            partition by model_variant, source_region order by snapshot_date nulls last
        ) as previous_is_active,
        lag(routing_strategy) over (
            partition by model_variant, source_region order by snapshot_date nulls last
        ) as previous_routing_strategy,
        lag(inference_region) over (
            partition by model_variant, source_region order by snapshot_date nulls last
        ) as previous_inference_region
    from snapshots

),

changes as (

    select * from compared
    where
        snapshot_number = 1
        or is_active is distinct from previous_is_active
        or routing_strategy <> previous_routing_strategy
        or inference_region <> previous_inference_region

),

versioned as (

    select
        *,
        row_number() over (
            partition by model_variant, source_region order by snapshot_date nulls last
        ) as version_number,
        lead(snapshot_date) over (
            partition by model_variant, source_region order by snapshot_date nulls last
        ) as next_snapshot_date
    from changes

),

final as (

    select
        model_variant,
        source_region,
        version_number,
        snapshot_date as valid_from_date,
        coalesce(next_snapshot_date, cast('9999-12-31' as date)) as valid_to_date,
        next_snapshot_date is null as is_current,
        is_active,
        routing_strategy,
        inference_region
    from versioned

)

select * from final
