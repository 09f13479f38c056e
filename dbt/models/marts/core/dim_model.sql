-- Grain: one row per model variant, as last configured by the as-of day, or seen in facts only.
with known as (

    select
        model_variant,
        product_sku,
        display_name,
        publisher,
        task,
        is_open_source,
        accelerator_type,
        replicas,
        max_concurrency,
        ideal_concurrency,
        successor,
        false as is_inferred
    from {{ ref('int_model_current') }}

),

seen_in_facts as (

    select model_variant from {{ ref('int_token_usage_daily') }}

    union

    select model_variant from {{ ref('int_revenue_daily') }}

    union

    select model_variant from {{ ref('stg_model_utilization') }}

    union

    select 'Unknown' as model_variant

),

inferred as (

    select distinct
        coalesce(seen_in_facts.model_variant, 'Unknown') as model_variant,
        'Unknown' as product_sku,
        'Unknown' as display_name,
        'Unknown' as publisher,
        'Unknown' as task,
        cast(null as boolean) as is_open_source,
        'Unknown' as accelerator_type,
        cast(null as integer) as replicas,
        cast(null as integer) as max_concurrency,
        cast(null as integer) as ideal_concurrency,
        cast(null as varchar(1)) as successor,
        true as is_inferred
    from seen_in_facts
    left join known
        on seen_in_facts.model_variant = known.model_variant
    where known.model_variant is null

),

final as (

    select * from known

    union all

    select * from inferred

)

select * from final
