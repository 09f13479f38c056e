-- Which accounts saw more errors than the week before and used less in the week after? One row per
-- account and week with errors; whom customer success calls first.
with account_weeks as (select * from {{ ref('o2r_account_week') }})

select
    current_weeks.account_id,
    accounts.account_name,
    accounts.owner_name,
    current_weeks.week_start,
    earlier.error_rate_pct as previous_error_rate_pct,
    current_weeks.error_rate_pct,
    current_weeks.ticket_count,
    current_weeks.total_tokens,
    later.total_tokens as next_total_tokens,
    current_weeks.net_revenue
from account_weeks as current_weeks
inner join account_weeks as earlier
    on
        current_weeks.account_id = earlier.account_id
        and current_weeks.week_start = cast(earlier.week_start + interval '7 days' as date)
inner join account_weeks as later
    on
        current_weeks.account_id = later.account_id
        and current_weeks.week_start = cast(later.week_start - interval '7 days' as date)
inner join {{ ref('dim_account') }} as accounts
    on current_weeks.account_id = accounts.account_id
where
    current_weeks.error_rate_pct > earlier.error_rate_pct
    and later.total_tokens < current_weeks.total_tokens
order by
    current_weeks.week_start desc nulls last,
    current_weeks.net_revenue desc nulls last,
    current_weeks.account_id asc nulls last
