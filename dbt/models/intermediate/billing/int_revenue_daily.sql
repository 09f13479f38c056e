-- Grain: one row per account, product, model variant, scope, region, billing type, currency and
-- day, latest snapshot; amounts in their own currency.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    unique_key='revenue_date',
    indexes=[{'columns': ['revenue_date']}],
    meta={'follows_tables': ['revenue_account_daily']},
) }}
{# Exchange rates and histories are joined later: they may change without a new row of the day. #}
with revenue as (

    select * from {{ ref('stg_revenue_daily') }}
    {%- if is_incremental() %}
    where revenue_date in ({{ days_to_build() }})
    {%- endif %}

),

final as (

    select
        account_id,
        product_sku,
        model_variant,
        inference_scope,
        region,
        billing_type,
        currency_code,
        revenue_date,
        gross_revenue_input,
        gross_revenue_output,
        gross_revenue_cache_read,
        gross_revenue_cache_write,
        gross_revenue,
        savings_plan_amount,
        discount_amount,
        net_revenue,
        snapshot_date,
        loaded_at
    from revenue

)

select * from final
