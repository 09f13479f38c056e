{#-
  Marts of revenue at one grain: the rows of it, with a name for their first day that says which.
  grain: week, month or ytd; period_start: that name.
-#}
{% macro customer_revenue_of_grain(grain, period_start) -%}
with periods as (

    select * from {{ ref('customer_revenue_period') }}
    where grain = '{{ grain }}'

),

final as (

    select
        period_start as {{ period_start }},
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
{%- endmacro %}

{% macro model_revenue_of_grain(grain, period_start) -%}
with periods as (

    select * from {{ ref('model_revenue_period') }}
    where grain = '{{ grain }}'

),

final as (

    select
        period_start as {{ period_start }},
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
        discount_pct,
        net_revenue,
        pay_as_you_go_revenue,
        savings_plan_revenue,
        committed_use_revenue,
        other_billing_revenue,
        revenue_per_customer,
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
        rank_in_family
    from periods

)

select * from final
{%- endmacro %}
