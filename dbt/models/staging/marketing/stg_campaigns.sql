-- Grain: one row per campaign and change (campaign_id, updated_at); every version is kept.
with

source as (
    {{ delivered('marketing', 'marketing_campaigns') }}
),

cleaned as (
    select
        trim(campaign_id) as campaign_id,
        {{ text_or_unknown('campaign_name') }} as campaign_name,
        {{ text_or_unknown('lower(channel)') }} as channel,
        cast(started_on as date) as started_date,
        cast(ended_on as date) as ended_date,
        {{ to_utc('updated_at') }} as updated_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['campaign_id', 'updated_at'],
        tie_breakers=['campaign_name', 'channel', 'started_date', 'ended_date']
    ) }}
)

select * from newest
