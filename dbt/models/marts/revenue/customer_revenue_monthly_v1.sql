-- Grain: one row per account and calendar month with revenue rows.
with months as (select * from {{ ref('customer_revenue_monthly', v=2) }}),

final as (

    select
        month_start as revenue_month,
        account_id,
        account_name,
        segment,
        plan_tier,
        is_complete,
        active_days,
        gross_revenue,
        savings_plan_amount,
        discount_amount,
        net_revenue,
        previous_net_revenue as prior_month_net_revenue,
        net_revenue_change_pct as mom_change_pct,
        rank_overall as revenue_rank
    from months

)

select * from final
