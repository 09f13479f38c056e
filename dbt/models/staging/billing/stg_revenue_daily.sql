-- Grain: one row per account, product, model variant, scope, region, billing type, currency
-- and day, latest snapshot.
with

source as (
    {{ delivered('billing', 'revenue_account_daily') }}
),

-- Every amount is positive and a missing part is nothing, so that net revenue never becomes null.
cleaned as (
    select
        trim(account_id) as account_id,
        {{ text_or_unknown('product_sku') }} as product_sku,
        {{ text_or_unknown('model_variant') }} as model_variant,
        lower(trim(inference_scope)) as inference_scope,
        {{ text_or_unknown('region') }} as region,
        lower(trim(billing_type)) as billing_type,
        upper(trim(currency_code)) as currency_code,
        cast(revenue_date as date) as revenue_date,
        cast(coalesce(gross_revenue_input_tokens, 0) as numeric(18, 6)) as gross_revenue_input,
        cast(coalesce(gross_revenue_output_tokens, 0) as numeric(18, 6)) as gross_revenue_output,
        cast(coalesce(gross_revenue_cache_read_tokens, 0) as numeric(18, 6))
            as gross_revenue_cache_read,
        cast(coalesce(gross_revenue_cache_write_tokens, 0) as numeric(18, 6))
            as gross_revenue_cache_write,
        cast(coalesce(savings_plan_amount, 0) as numeric(18, 6)) as savings_plan_amount,
        cast(coalesce(discount_amount, 0) as numeric(18, 6)) as discount_amount,
        cast(snapshot_date as date) as snapshot_date,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

stamped as (
    select
        *,
        {{ believed_stamp(
            'cast(snapshot_date as timestamp)',
            key=[
                'account_id', 'product_sku', 'model_variant', 'inference_scope', 'region',
                'billing_type', 'currency_code', 'revenue_date',
            ]
        ) }} as believed_at
    from cleaned
),

ranked as (
    select
        *,
        {{ version_rank(
            key=[
                'account_id', 'product_sku', 'model_variant', 'inference_scope', 'region',
                'billing_type', 'currency_code', 'revenue_date',
            ],
            newest=['believed_at', 'loaded_at'],
            tie_breakers=[
                'gross_revenue_input', 'gross_revenue_output', 'gross_revenue_cache_read',
                'gross_revenue_cache_write', 'savings_plan_amount', 'discount_amount',
            ]
        ) }} as version_rank
    from stamped
),

gross as (
    select
        *,
        gross_revenue_input
        + gross_revenue_output
        + gross_revenue_cache_read
        + gross_revenue_cache_write as gross_revenue
    from ranked
    where version_rank = 1
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
        cast(gross_revenue as numeric(18, 6)) as gross_revenue,
        savings_plan_amount,
        discount_amount,
        cast(gross_revenue - savings_plan_amount - discount_amount as numeric(18, 6))
            as net_revenue,
        snapshot_date,
        loaded_at
    from gross
)

select * from final
