-- Grain: one row per grain (week, month), period and member of the dimensions all, region and
-- product with samples.
with periods as (

    select * from {{ ref('int_feed_period') }}
    where feed = 'utilization'

),

samples as (select * from {{ ref('fct_utilization') }}),

models as (

    select
        model_variant,
        product_sku
    from {{ ref('dim_model') }}

),

expanded as (

    select
        grain_dimensions.grain,
        cast(
            case
                when grain_dimensions.grain = 'week' then date_trunc('week', samples.observed_date)
                else date_trunc('month', samples.observed_date)
            end as date
        ) as period_start,
        grain_dimensions.dimension,
        {{ dimension_value({'region': 'samples.region', 'product': 'models.product_sku'}) }}
            as dimension_value,
        samples.utilization_pct
    from samples
    inner join models
        on samples.model_variant = models.model_variant
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on grain_dimensions.dimension in ('all', 'region', 'product')

),

aggregated as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        count(utilization_pct) as sample_count,
        {{ percentile(0.50, 'utilization_pct') }} as p50,
        {{ percentile(0.90, 'utilization_pct') }} as p90,
        max(utilization_pct) as peak
    from expanded
    group by grain, period_start, dimension, dimension_value

),

final as (

    select
        aggregated.grain,
        aggregated.period_start,
        aggregated.dimension,
        aggregated.dimension_value,
        periods.is_complete,
        cast(aggregated.sample_count as bigint) as sample_count,
        cast(aggregated.p50 as numeric(18, 6)) as resource_utilization_p50_pct,
        cast(aggregated.p90 as numeric(18, 6)) as resource_utilization_p90_pct,
        cast(aggregated.peak as numeric(18, 6)) as resource_utilization_peak_pct,
        aggregated.p90 >= {{ setting('utilization_review_pct') }} as needs_capacity_review
    from aggregated
    inner join periods
        on {{ columns_equal('aggregated', 'periods', ['grain', 'period_start']) }}

)

select * from final
