-- Grain: one row per success metric, factor and actionable metric.
with driver_map as (select * from {{ ref('driver_map') }}),

catalog as (select * from {{ ref('metric_catalog') }}),

final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'driver_map.success_metric', 'driver_map.factor_id', 'driver_map.actionable_metric'
        ]) }} as driver_map_key,
        success.book_id as success_metric_id,
        driver_map.success_metric,
        success.metric_name as success_metric_name,
        driver_map.factor_id,
        driver_map.factor,
        driver_map.driver,
        driver_map.actionable_metric,
        actionable.metric_name as actionable_metric_name,
        actionable.unit,
        actionable.direction,
        actionable.status
    from driver_map
    inner join catalog as success
        on driver_map.success_metric = success.metric
    inner join catalog as actionable
        on driver_map.actionable_metric = actionable.metric

)

select * from final
