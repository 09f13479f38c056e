-- Grain: one row per account, product, model variant, scope, region, billing type, currency and
-- day.
with as_of as (select * from {{ ref('int_as_of') }}),

revenue as (

    select int_revenue_daily.*
    from {{ ref('int_revenue_daily') }} as int_revenue_daily
    inner join as_of
        on int_revenue_daily.revenue_date <= as_of.as_of_date

),

rates as (

    {{ rates_of_days('revenue', 'revenue_date') }}

),

history as (select * from {{ ref('int_account_history') }}),

final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'revenue.account_id', 'revenue.product_sku', 'revenue.model_variant',
            'revenue.inference_scope', 'revenue.region', 'revenue.billing_type',
            'revenue.currency_code', 'revenue.revenue_date'
        ]) }} as revenue_key,
        revenue.account_id,
        revenue.product_sku,
        revenue.model_variant,
        revenue.inference_scope,
        revenue.region,
        revenue.billing_type,
        revenue.currency_code,
        revenue.revenue_date,
        coalesce(history.plan_tier, 'Unknown') as plan_tier_as_of_event,
        coalesce(history.segment, 'Unknown') as segment_as_of_event,
        rates.rate as exchange_rate,
        revenue.net_revenue as net_revenue_in_currency,
        cast(revenue.gross_revenue_input * rates.rate as numeric(18, 6)) as gross_revenue_input,
        cast(revenue.gross_revenue_output * rates.rate as numeric(18, 6)) as gross_revenue_output,
        cast(revenue.gross_revenue_cache_read * rates.rate as numeric(18, 6))
            as gross_revenue_cache_read,
        cast(revenue.gross_revenue_cache_write * rates.rate as numeric(18, 6))
            as gross_revenue_cache_write,
        cast(revenue.gross_revenue * rates.rate as numeric(18, 6)) as gross_revenue,
        cast(revenue.savings_plan_amount * rates.rate as numeric(18, 6)) as savings_plan_amount,
        cast(revenue.discount_amount * rates.rate as numeric(18, 6)) as discount_amount,
        cast(revenue.net_revenue * rates.rate as numeric(18, 6)) as net_revenue
    from revenue
    left join rates
        on
            revenue.currency_code = rates.currency_code
            and revenue.revenue_date = rates.rate_date
    left join history
        on
            revenue.account_id = history.account_id
            and cast(revenue.revenue_date + interval '1 day' as timestamp) > history.valid_from_at
            and cast(revenue.revenue_date + interval '1 day' as timestamp) <= history.valid_to_at

)

select * from final
