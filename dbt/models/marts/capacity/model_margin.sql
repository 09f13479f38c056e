-- Grain: one row per grain (week, month), period and model variant with an allocation and revenue.
{#
  Margin = net revenue - price of the allocated instances for 24 hours, over the days of the period
  of which the newest snapshot of the allocation and the price of every instance are known: revenue of
  other days would look as if it cost nothing. Models above the median of the period are those of a
  higher margin; of equals none is above.
#}
with periods as (

    {{ periods_of(['allocation'], daily='revenue') }}

),

snapshots as (

    select
        *,
        cast(observed_at as date) as observed_date,
        row_number() over (
            partition by model_variant, region, instance_type, cast(observed_at as date)
            order by observed_at desc nulls last
        ) as day_rank
    from {{ ref('stg_instance_allocation') }}

),

allocation as (

    select * from snapshots
    where day_rank = 1

),

price_days as (

    select distinct
        instance_type,
        region,
        observed_date
    from allocation

),

-- The region's own price wins over the default, then the newest.
prices as (

    select
        price_days.instance_type,
        price_days.region,
        price_days.observed_date,
        instance_prices.hourly_price,
        upper(trim(instance_prices.currency_code)) as currency_code,
        row_number() over (
            partition by price_days.instance_type, price_days.region, price_days.observed_date
            order by
                case when instance_prices.region = 'default' then 1 else 0 end asc nulls last,
                instance_prices.valid_from desc nulls last
        ) as price_rank
    from price_days
    inner join {{ ref('instance_prices') }} as instance_prices
        on
            price_days.instance_type = instance_prices.instance_type
            and instance_prices.region in (price_days.region, 'default')
            and price_days.observed_date >= instance_prices.valid_from

),

rates as (

    {{ rates_of_days('prices', 'observed_date') }}

),

costs as (

    select
        allocation.model_variant,
        allocation.observed_date as margin_date,
        sum(
            cast(
                24 * cast(allocation.allocated_instances as numeric(12, 0)) * prices.hourly_price
                as numeric(24, 6)
            ) * rates.rate
        ) as cost
    from allocation
    left join prices
        on
            allocation.instance_type = prices.instance_type
            and allocation.region = prices.region
            and allocation.observed_date = prices.observed_date
            and prices.price_rank = 1
    left join rates
        on
            prices.currency_code = rates.currency_code
            and prices.observed_date = rates.rate_date
    group by allocation.model_variant, allocation.observed_date
    having count(*) = count(prices.hourly_price * rates.rate)

),

revenue as (

    select
        model_variant,
        revenue_date as margin_date,
        sum(net_revenue) as net_revenue
    from {{ ref('fct_revenue_daily') }}
    group by model_variant, revenue_date

),

daily as (

    select
        costs.model_variant,
        costs.margin_date,
        costs.cost,
        coalesce(revenue.net_revenue, 0) as net_revenue
    from costs
    left join revenue
        on {{ columns_equal('costs', 'revenue', ['model_variant', 'margin_date']) }}

),

dated as (

    {{ by_grain('daily', 'margin_date') }}

),

margins as (

    select
        dated.grain,
        dated.period_start,
        dated.model_variant,
        periods.is_complete,
        count(*) as day_count,
        sum(dated.net_revenue) as net_revenue,
        sum(dated.cost) as cost,
        {{ pct('sum(dated.net_revenue) - sum(dated.cost)', 'sum(dated.net_revenue)') }}
            as margin_pct
    from dated
    inner join periods
        on
            {{ columns_equal('dated', 'periods', ['grain', 'period_start']) }}
            and dated.margin_date >= periods.first_date
            and dated.margin_date <= periods.observed_end
    group by dated.grain, dated.period_start, dated.model_variant, periods.is_complete
    having sum(dated.net_revenue) > 0

),

medians as (

    select
        grain,
        period_start,
        {{ percentile(0.50, 'margin_pct') }} as median_margin_pct
    from margins
    group by grain, period_start

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'margins.grain', 'margins.period_start', 'margins.model_variant'
        ]) }} as model_margin_key,
        margins.grain,
        margins.period_start,
        margins.model_variant,
        margins.is_complete,
        cast(margins.day_count as bigint) as day_count,
        cast(margins.net_revenue as numeric(24, 6)) as net_revenue,
        cast(margins.cost as numeric(24, 6)) as instance_cost,
        margins.margin_pct,
        margins.margin_pct > medians.median_margin_pct as is_above_median
    from margins
    inner join medians
        on {{ columns_equal('margins', 'medians', ['grain', 'period_start']) }}

)

select * from final
