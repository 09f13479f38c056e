-- Grain: one row per account, product and last observed day of a week or month since revenue is
-- observed.
{#
  A balance: take it on one day, never add it over days. Every pair has a row on every such day,
  so that the newest day of a period speaks of all of them.
#}
with periods as (

    select * from {{ ref('int_period') }}

),

coverage as (

    select first_date from {{ ref('int_first_observed') }}
    where feed = 'revenue'

),

revenue as (

    select * from {{ ref('fct_revenue_daily') }}

),

-- The last day of a week and of a month may be the same.
snapshot_days as (

    select distinct
        periods.observed_end as snapshot_date,
        periods.fiscal_year_start
    from periods
    inner join coverage
        on periods.observed_end >= coverage.first_date

),

-- A fiscal year begins after the last day of a month, so no interval lies in two of them.
intervals as (

    select
        snapshot_date,
        fiscal_year_start,
        coalesce(
            lag(snapshot_date) over (order by snapshot_date nulls last), cast('1900-01-01' as date)
        ) as previous_snapshot_date
    from snapshot_days

),

pairs as (

    select
        account_id,
        product_sku
    from revenue
    group by account_id, product_sku
    having sum(abs(net_revenue)) > 0

),

earned as (

    select
        revenue.account_id,
        revenue.product_sku,
        intervals.snapshot_date,
        sum(revenue.net_revenue) as net_revenue
    from revenue
    inner join intervals
        on
            revenue.revenue_date > intervals.previous_snapshot_date
            and revenue.revenue_date <= intervals.snapshot_date
    group by revenue.account_id, revenue.product_sku, intervals.snapshot_date

),

to_date as (

    select
        pairs.account_id,
        pairs.product_sku,
        intervals.snapshot_date,
        intervals.fiscal_year_start,
        sum(coalesce(earned.net_revenue, 0)) over (
            partition by pairs.account_id, pairs.product_sku, intervals.fiscal_year_start
            order by intervals.snapshot_date nulls last
            rows between unbounded preceding and current row
        ) as ytd_revenue
    from pairs
    cross join intervals
    left join earned
        on
            pairs.account_id = earned.account_id
            and pairs.product_sku = earned.product_sku
            and intervals.snapshot_date = earned.snapshot_date

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['account_id', 'product_sku', 'snapshot_date']) }}
            as revenue_year_to_date_key,
        account_id,
        product_sku,
        snapshot_date,
        fiscal_year_start,
        cast(ytd_revenue as numeric(18, 6)) as ytd_revenue
    from to_date

)

select * from final
