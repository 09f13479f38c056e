-- Grain: one row per grain (week, month), period and member of each reporting dimension.
{#
  MRR is the contract value in force at the end of the period. Where no contract is known at all
  (usage-based business, book chapter 12) it is the run rate: revenue of the last complete week
  times weeks_per_month. The two are never mixed; basis says which it is.
#}
with waterfall as (select * from {{ ref('mrr_waterfall') }}),

revenue as (select * from {{ ref('revenue_summary') }}),

periods as (

    {{ periods_of(['revenue']) }}

),

whole_weeks as (

    select * from {{ ref('int_feed_period') }}
    where
        feed = 'revenue'
        and grain = 'week'
        and is_complete

),

contracts as (

    select count(*) as contract_count
    from {{ ref('int_mrr_account_period') }}

),

contract_based as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        'contract' as basis,
        closing_mrr as mrr,
        closing_accounts as paying_accounts
    from waterfall

),

-- The last complete week that ends by the last observed day of the period.
last_weeks as (

    select
        periods.grain,
        periods.period_start,
        periods.is_complete,
        max(whole_weeks.period_start) as week_start
    from periods
    inner join whole_weeks
        on
            periods.observed_end >= whole_weeks.period_end
            and (periods.grain = 'month' or periods.period_start = whole_weeks.period_start)
    group by periods.grain, periods.period_start, periods.is_complete

),

known_members as (

    {{ members_reach() }}

),

run_rate_based as (

    select
        last_weeks.grain,
        last_weeks.period_start,
        revenue.dimension,
        revenue.dimension_value,
        last_weeks.is_complete
        and {{ knows_members('revenue.dimension', 'last_weeks.grain', 'last_weeks.period_start') }}
            as is_complete,
        'run_rate' as basis,
        revenue.net_revenue * {{ var('weeks_per_month') }} as mrr,
        revenue.active_accounts as paying_accounts
    from last_weeks
    inner join revenue
        on
            revenue.grain = 'week'
            and last_weeks.week_start = revenue.period_start
    inner join contracts
        on contracts.contract_count = 0
    cross join known_members

),

based as (

    select * from contract_based

    union all

    select * from run_rate_based

),

final as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        basis,
        cast(mrr as numeric(24, 6)) as mrr,
        cast(12 * mrr as numeric(24, 6)) as arr,
        cast(paying_accounts as bigint) as paying_accounts
    from based

)

select * from final
