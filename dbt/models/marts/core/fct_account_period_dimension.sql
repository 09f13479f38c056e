-- Grain: one row per account, grain, period and member of each reporting dimension with revenue or
-- usage.
{#
  Region is the home region of the account, product the product of the revenue or usage. Where the
  CRM does not say whether the account was active, its revenue does; where no revenue was ever
  delivered, nobody does.
#}
with account_periods as (select * from {{ ref('fct_account_period') }}),

accounts as (

    select
        account_id,
        plan_tier,
        segment,
        home_region as region,
        signed_up_date
    from {{ ref('dim_account') }}

),

grain_dimensions as (select * from {{ ref('int_grain_dimension') }}),

expanded as (

    select
        account_periods.grain,
        account_periods.period_start,
        grain_dimensions.dimension,
        {{ dimension_value({
            'plan_tier': 'accounts.plan_tier',
            'segment': 'accounts.segment',
            'region': 'accounts.region',
            'product': 'account_periods.product_sku',
        }) }} as dimension_value,
        account_periods.account_id,
        accounts.signed_up_date,
        account_periods.is_active,
        account_periods.net_revenue,
        account_periods.total_tokens
    from account_periods
    inner join accounts
        on account_periods.account_id = accounts.account_id
    inner join grain_dimensions
        on account_periods.grain = grain_dimensions.grain

),

final as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        account_id,
        signed_up_date,
        coalesce(is_active, true) and sum(net_revenue) > 0 as is_active_paying,
        cast(sum(net_revenue) as numeric(24, 6)) as net_revenue,
        cast(sum(total_tokens) as bigint) as total_tokens
    from expanded
    group by
        grain, period_start, dimension, dimension_value, account_id, signed_up_date, is_active

)

select * from final
