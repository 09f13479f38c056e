-- Both versions of customer_revenue_monthly have the same rows and the same figures.
select
    coalesce(newer.month_start, older.revenue_month) as month_start,
    coalesce(newer.account_id, older.account_id) as account_id,
    newer.net_revenue,
    older.net_revenue as older_net_revenue
from {{ ref('customer_revenue_monthly', v=2) }} as newer
full outer join {{ ref('customer_revenue_monthly', v=1) }} as older
    on
        newer.month_start = older.revenue_month
        and newer.account_id = older.account_id
where
    newer.account_id is null
    or older.account_id is null
    or newer.account_name is distinct from older.account_name
    or newer.segment is distinct from older.segment
    or newer.plan_tier is distinct from older.plan_tier
    or newer.is_complete is distinct from older.is_complete
    or newer.active_days is distinct from older.active_days
    or newer.gross_revenue is distinct from older.gross_revenue
    or newer.savings_plan_amount is distinct from older.savings_plan_amount
    or newer.discount_amount is distinct from older.discount_amount
    or newer.net_revenue is distinct from older.net_revenue
    or newer.previous_net_revenue is distinct from older.prior_month_net_revenue
    or newer.net_revenue_change_pct is distinct from older.mom_change_pct
    or newer.rank_overall is distinct from older.revenue_rank
