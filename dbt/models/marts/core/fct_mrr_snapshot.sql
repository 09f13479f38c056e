-- Grain: one row per account and last observed day of a week or month since its first paid one.
{#
  A balance: take it on one day, never add it over days. int_mrr_account_period holds it per grain;
  the last day of a week and of a month may be the same, and then both say the same.
  Where no contract is known at all it is the run rate, as in recurring_revenue: revenue of the week
  times weeks_per_month on the last day of every complete week, for every account, so that the
  newest week of a month speaks of all of them.
#}
with account_periods as (select * from {{ ref('int_mrr_account_period') }}),

periods as (select * from {{ ref('int_period') }}),

revenue as (

    select * from {{ ref('fct_account_period') }}
    where grain = 'week'

),

whole_weeks as (

    select * from {{ ref('int_feed_period') }}
    where
        feed = 'revenue'
        and grain = 'week'
        and is_complete

),

contract_based as (

    select distinct
        account_periods.account_id,
        periods.observed_end as snapshot_date,
        'contract' as basis,
        account_periods.mrr
    from account_periods
    inner join periods
        on {{ columns_equal('account_periods', 'periods', ['grain', 'period_start']) }}

),

usage_accounts as (

    select distinct revenue.account_id
    from revenue
    where
        revenue.net_revenue <> 0
        and not exists (select 1 from account_periods)

),

weekly_revenue as (

    select
        account_id,
        period_start,
        sum(net_revenue) as net_revenue
    from revenue
    group by account_id, period_start

),

run_rate_based as (

    select
        usage_accounts.account_id,
        whole_weeks.period_end as snapshot_date,
        'run_rate' as basis,
        coalesce(weekly_revenue.net_revenue, 0) * {{ var('weeks_per_month') }} as mrr
    from usage_accounts
    cross join whole_weeks
    left join weekly_revenue
        on
            usage_accounts.account_id = weekly_revenue.account_id
            and whole_weeks.period_start = weekly_revenue.period_start

),

snapshots as (

    select * from contract_based

    union all

    select * from run_rate_based

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['account_id', 'snapshot_date']) }} as mrr_snapshot_key,
        account_id,
        snapshot_date,
        basis,
        cast(mrr as numeric(24, 6)) as mrr
    from snapshots

)

select * from final
