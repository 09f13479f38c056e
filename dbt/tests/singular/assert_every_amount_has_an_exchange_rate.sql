-- Every amount of revenue and every paid contract has a rate into the reporting currency.
-- The rows name the currency without one.
{{ config(store_failures=true) }}

with revenue as (

    select
        'fct_revenue_daily' as amounts,
        coalesce(currency_code, 'missing') as currency_code,
        min(revenue_date) as first_date,
        max(revenue_date) as last_date,
        count(*) as row_count
    from {{ ref('fct_revenue_daily') }}
    where
        net_revenue_in_currency is not null
        and (net_revenue is null or gross_revenue is null or exchange_rate is null)
    group by coalesce(currency_code, 'missing')

),

contracts as (

    select
        events.currency_code,
        cast(coalesce(events.started_at, events.event_at) as date) as started_date
    from {{ ref('stg_subscription_events') }} as events
    inner join {{ ref('int_as_of') }} as as_of
        on events.event_at < as_of.as_of_end_at
    where
        events.mrr_amount > 0
        and events.status <> 'trial'

),

subscriptions as (

    select
        'stg_subscription_events' as amounts,
        coalesce(contracts.currency_code, 'missing') as currency_code,
        min(contracts.started_date) as first_date,
        max(contracts.started_date) as last_date,
        count(*) as row_count
    from contracts
    left join {{ ref('int_exchange_rates') }} as rates
        on
            contracts.currency_code = rates.currency_code
            and contracts.started_date >= rates.valid_from
            and contracts.started_date < rates.valid_to
    where rates.rate is null
    group by coalesce(contracts.currency_code, 'missing')

)

select * from revenue

union all

select * from subscriptions
