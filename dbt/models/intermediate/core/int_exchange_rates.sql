-- Grain: one row per currency and validity period of a rate into the reporting currency.
with rates as (

    select
        upper(trim(currency_code)) as currency_code,
        valid_from,
        cast(usd_per_unit as numeric(18, 6)) as usd_per_unit
    from {{ ref('exchange_rates') }}

),

days_of_change as (

    select distinct valid_from from rates

),

currencies as (

    select distinct currency_code from rates

),

-- The rate of every currency on every day on which any rate changes.
latest_per_day as (

    select
        currencies.currency_code,
        days_of_change.valid_from,
        max(rates.valid_from) as rate_date
    from currencies
    cross join days_of_change
    inner join rates
        on
            currencies.currency_code = rates.currency_code
            and days_of_change.valid_from >= rates.valid_from
    group by currencies.currency_code, days_of_change.valid_from

),

daily as (

    select
        latest_per_day.currency_code,
        latest_per_day.valid_from,
        rates.usd_per_unit
    from latest_per_day
    inner join rates
        on
            latest_per_day.currency_code = rates.currency_code
            and latest_per_day.rate_date = rates.valid_from

),

final as (

    select
        daily.currency_code,
        daily.valid_from,
        coalesce(
            lead(daily.valid_from) over (
                partition by daily.currency_code order by daily.valid_from nulls last
            ),
            cast('9999-12-31' as date)
        ) as valid_to,
        cast(daily.usd_per_unit / reporting.usd_per_unit as numeric(18, 6)) as rate
    from daily
    inner join daily as reporting
        on
            daily.valid_from = reporting.valid_from
            and reporting.currency_code = '{{ setting("reporting_currency") }}'

)

select * from final
