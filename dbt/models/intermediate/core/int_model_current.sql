-- Grain: one row per model variant, as last configured by the as-of day.
with as_of as (select * from {{ ref('int_as_of') }}),

configurations as (

    select
        configurations.*,
        row_number() over (
            partition by configurations.model_variant
            order by configurations.snapshot_date desc nulls last
        ) as version_rank
    from {{ ref('stg_model_configurations') }} as configurations
    inner join as_of
        on configurations.snapshot_date <= as_of.as_of_date

),

final as (

    select
        model_variant,
        model_family as product_sku,
        display_name,
        publisher,
        task,
        is_open_source,
        accelerator_type,
        replicas,
        max_concurrency,
        ideal_concurrency,
        successor
    from configurations
    where version_rank = 1

)

select * from final
