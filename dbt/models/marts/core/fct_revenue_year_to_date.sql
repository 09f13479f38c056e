-- Grain: one row per account, product and last observed day of a week or month since revenue is
-- observed.
{#
  A balance: take it on one day, never add it over days. Every pair has a row on every such day,
  so that the newest day of a period speaks of all of them.
#}
with periods as (

    select * from {{ ref('int_feed_period') }}
    where feed = 'revenue'

),

revenue as (select * from {{ ref('fct_revenue_daily') }}),

-- The first day, from each day on, that ends a week or a month. As the last day of a month is one
-- of them, none stands for two fiscal years.
days as (

    select
        int_day.date_day,
        int_day.fiscal_year_start,
        {{ lesser('weeks.observed_end', 'months.observed_end') }} as snapshot_date
    from {{ ref('int_day') }} as int_day
    inner join periods as weeks
        on
            weeks.grain = 'week'
            and int_day.week_start = weeks.period_start
            and int_day.date_day <= weeks.observed_end
    inner join periods as months
        on
            months.grain = 'month'
            and int_day.month_start = months.period_start
            and int_day.date_day <= months.observed_end

),

snapshots as (

    select distinct
        days.snapshot_date,
        days.fiscal_year_start
    from days

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
        days.snapshot_date,
        sum(revenue.net_revenue) as net_revenue
    from revenue
    inner join days
        on revenue.revenue_date = days.date_day
    group by revenue.account_id, revenue.product_sku, days.snapshot_date

),

to_date as (

    select
        pairs.account_id,
        pairs.product_sku,
        snapshots.snapshot_date,
        snapshots.fiscal_year_start,
        sum(coalesce(earned.net_revenue, 0)) over (
            partition by pairs.account_id, pairs.product_sku, snapshots.fiscal_year_start
            order by snapshots.snapshot_date nulls last
            rows between unbounded preceding and current row
        ) as ytd_revenue
    from pairs
    cross join snapshots
    left join earned
        on
            pairs.account_id = earned.account_id
            and pairs.product_sku = earned.product_sku
            and snapshots.snapshot_date = earned.snapshot_date

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['account_id', 'product_sku', 'snapshot_date']) }}
            as revenue_year_to_date_key,
        account_id,
        product_sku,
        snapshot_date,
        fiscal_year_start,
        cast(ytd_revenue as numeric(24, 6)) as ytd_revenue
    from to_date

)

select * from final
