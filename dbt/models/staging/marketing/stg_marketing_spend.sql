-- Grain: one row per campaign and day, the newest delivery of it.
with

source as (
    {{ delivered('marketing', 'marketing_spend_daily') }}
),

cleaned as (
    select
        trim(campaign_id) as campaign_id,
        cast(date as date) as spend_date,
        {{ text_or_unknown('lower(channel)') }} as channel,
        impressions,
        clicks,
        cast(cost as numeric(18, 6)) as cost,
        {{ text_or_unknown('upper(currency)') }} as currency_code,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['campaign_id', 'spend_date'],
        tie_breakers=['channel', 'impressions', 'clicks', 'cost', 'currency_code']
    ) }}
)

select * from newest
