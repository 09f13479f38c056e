-- Grain: one row per model variant, grain (week, month, ytd) and period with revenue rows.
with revenue as (

    select * from {{ ref('fct_revenue_period') }}
    where dimension = 'model'

),

models as (select * from {{ ref('dim_model') }}),

joined as (

    select
        revenue.*,
        models.model_variant,
        models.display_name,
        models.product_sku as model_family,
        models.publisher,
        models.task,
        models.is_open_source,
        models.accelerator_type,
        sum(revenue.net_revenue) over (
            partition by revenue.grain, revenue.period_start
        ) as total_net_revenue,
        sum(revenue.net_revenue) over (
            partition by revenue.grain, revenue.period_start
            order by revenue.net_revenue desc nulls last
            range between unbounded preceding and current row
        ) as cumulative_net_revenue
    from revenue
    inner join models
        on revenue.dimension_value = models.model_variant

),

final as (

    select
        model_variant,
        display_name,
        model_family,
        publisher,
        task,
        is_open_source,
        accelerator_type,
        customer_count,
        {{ ratio('net_revenue', 'customer_count') }} as revenue_per_customer,
        rank() over (
            partition by grain, period_start, model_family
            order by net_revenue desc nulls last
        ) as rank_in_family,
        {{ revenue_measures() }}
    from joined

)

select * from final
