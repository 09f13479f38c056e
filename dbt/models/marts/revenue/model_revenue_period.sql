-- Grain: one row per model variant, grain (week, month, ytd) and period with revenue rows.
with revenue as (

    select * from {{ ref('fct_revenue_period') }}
    where dimension = 'model'

),

models as (

    select * from {{ ref('dim_model') }}

),

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
        grain,
        period_start,
        model_variant,
        display_name,
        model_family,
        publisher,
        task,
        is_open_source,
        accelerator_type,
        is_complete,
        observed_end,
        observed_days,
        active_days,
        customer_count,
        currency_count,
        gross_revenue_input,
        gross_revenue_output,
        gross_revenue_cache_read,
        gross_revenue_cache_write,
        gross_revenue,
        savings_plan_amount,
        discount_amount,
        {{ pct(
            'discount_amount',
            'case when gross_revenue > 0 then gross_revenue end'
        ) }} as discount_pct,
        net_revenue,
        pay_as_you_go_revenue,
        savings_plan_revenue,
        committed_use_revenue,
        other_billing_revenue,
        {{ ratio('net_revenue', 'customer_count') }} as revenue_per_customer,
        {{ ratio('net_revenue', 'observed_days') }} as daily_net_revenue_mean,
        {{ ratio('net_revenue', 'active_days') }} as active_day_net_revenue_mean,
        daily_net_revenue_max,
        daily_net_revenue_min,
        previous_net_revenue,
        cast(net_revenue - previous_net_revenue as numeric(24, 6)) as net_revenue_change,
        -- Growth from nothing, or from a net credit, has no meaning.
        {{ pct(
            'net_revenue - previous_net_revenue',
            'case when previous_net_revenue > 0 then previous_net_revenue end'
        ) }} as net_revenue_change_pct,
        {{ pct(
            'net_revenue',
            'case when total_net_revenue > 0 then total_net_revenue end'
        ) }} as net_revenue_share_pct,
        {{ pct(
            'cumulative_net_revenue',
            'case when total_net_revenue > 0 then total_net_revenue end'
        ) }} as cumulative_share_pct,
        rank() over (
            partition by grain, period_start
            order by net_revenue desc nulls last
        ) as rank_overall,
        rank() over (
            partition by grain, period_start, model_family
            order by net_revenue desc nulls last
        ) as rank_in_family
    from joined

)

select * from final
