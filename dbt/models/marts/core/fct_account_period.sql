-- Grain: one row per account, product, grain (week, month) and period with revenue or usage.
{#
  Where one of the two was never delivered it is unknown, never 0; so are the tokens of a product that
  only the billing system names while nothing says which models are of which product.
#}
{%- set requests = [
    'inference_user_token_usage_open_source', 'inference_user_token_usage_proprietary',
] %}
with periods as (select * from {{ ref('int_period') }}),

daily as (

    select
        account_id,
        product_sku,
        revenue_date as activity_date,
        net_revenue,
        cast(null as bigint) as total_tokens,
        cast(null as bigint) as request_count
    from {{ ref('fct_revenue_daily') }}

    union all

    select
        usage.account_id,
        models.product_sku,
        usage.usage_date as activity_date,
        cast(null as numeric(24, 6)) as net_revenue,
        usage.total_tokens,
        usage.request_count
    from {{ ref('fct_usage_daily') }} as usage
    inner join {{ ref('dim_model') }} as models
        on usage.model_variant = models.model_variant

),

history as (select * from {{ ref('int_account_history') }}),

dated as (

    {{ by_grain('daily', 'activity_date') }}

),

summed as (

    select
        grain,
        period_start,
        account_id,
        product_sku,
        sum(net_revenue) as net_revenue,
        sum(total_tokens) as total_tokens,
        sum(request_count) as request_count
    from dated
    group by grain, period_start, account_id, product_sku

),

grouped as (

    select
        summed.*,
        periods.observed_end_at
    from summed
    inner join periods
        on {{ columns_equal('summed', 'periods', ['grain', 'period_start']) }}

),

-- What no row means.
silence as (

    select
        case when {{ is_delivered('revenue_account_daily') }} then 0 end as net_revenue,
        case
            when {{ is_delivered(*requests) }} and {{ is_delivered('config_model_dimensions') }}
                then 0
        end as usage

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'grouped.grain', 'grouped.period_start', 'grouped.account_id', 'grouped.product_sku'
        ]) }} as account_period_key,
        grouped.grain,
        grouped.period_start,
        grouped.account_id,
        grouped.product_sku,
        -- As of the end of the period: neither a later churn nor a list of today rewrites it.
        history.is_active,
        cast(coalesce(grouped.net_revenue, silence.net_revenue) as numeric(24, 6)) as net_revenue,
        cast(coalesce(grouped.total_tokens, silence.usage) as bigint) as total_tokens,
        cast(coalesce(grouped.request_count, silence.usage) as bigint) as request_count
    from grouped
    cross join silence
    left join history
        on
            grouped.account_id = history.account_id
            and grouped.observed_end_at > history.valid_from_at
            and grouped.observed_end_at <= history.valid_to_at

)

select * from final
