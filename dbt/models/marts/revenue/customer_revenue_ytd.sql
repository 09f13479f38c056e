-- Grain: one row per account and fiscal year to date with revenue rows.
with periods as (

    select * from {{ ref('customer_revenue_period') }}
    where grain = 'ytd'

),

final as (

    select
        period_start as fiscal_year_start,
        account_id,
        account_name,
        account_size,
        segment,
        plan_tier,
        vertical,
        home_region,
        segment_as_of_period_end,
        plan_tier_as_of_period_end,
        is_complete,
        observed_end,
        observed_days,
        active_days,
        model_count,
        product_count,
        currency_count,
        gross_revenue_input,
        gross_revenue_output,
        gross_revenue_cache_read,
        gross_revenue_cache_write,
        gross_revenue,
        savings_plan_amount,
        discount_amount,
        discount_pct,
        net_revenue,
        pay_as_you_go_revenue,
        savings_plan_revenue,
        committed_use_revenue,
        other_billing_revenue,
        daily_net_revenue_mean,
        active_day_net_revenue_mean,
        daily_net_revenue_max,
        daily_net_revenue_min,
        previous_net_revenue,
        net_revenue_change,
        net_revenue_change_pct,
        net_revenue_share_pct,
        cumulative_share_pct,
        rank_overall,
        rank_in_segment,
        rank_in_vertical,
        rank_in_region,
        monthly_run_rate,
        revenue_tier
    from periods

)

select * from final
