-- Grain: one row per product sold; a product is a model family or a SKU of the billing system.
with skus as (

    select product_sku from {{ ref('dim_model') }}

    union

    select product_sku from {{ ref('int_revenue_daily') }}

),

models as (

    select
        product_sku,
        count(*) as model_count
    from {{ ref('dim_model') }}
    group by product_sku

),

final as (

    select
        skus.product_sku,
        cast(
            coalesce(
                models.model_count,
                case when {{ is_delivered('config_model_dimensions') }} then 0 end
            ) as integer
        ) as model_count
    from skus
    left join models
        on skus.product_sku = models.product_sku

)

select * from final
