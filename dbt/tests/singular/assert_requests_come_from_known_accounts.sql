-- Accounts that send requests and that no source describes: one is worth a look, many mean that the
-- accounts were not delivered.
{{ config(
    store_failures=true,
    fail_calc="coalesce(cast(ceil(100.0 * sum(request_count) / max(all_requests)) as integer), 0)",
    warn_if=">0",
    error_if=">" ~ var('max_unknown_account_pct')
) }}

with usage as (

    select
        account_id,
        sum(request_count) as request_count
    from {{ ref('fct_usage_daily') }}
    group by account_id

),

totals as (

    select sum(request_count) as all_requests from usage

)

select
    usage.account_id,
    usage.request_count,
    totals.all_requests
from usage
cross join totals
inner join {{ ref('dim_account') }} as accounts
    on usage.account_id = accounts.account_id
where accounts.is_inferred
