-- Grain: one row per web event.
with

source as (
    {{ delivered('web', 'web_events') }}
),

cleaned as (
    select
        trim(event_id) as event_id,
        {{ to_utc('event_timestamp') }} as event_at,
        nullif(trim(fp_cookie_id), '') as fp_cookie_id,
        {{ hem('hem') }} as hem,
        nullif(trim(crm_contact_id), '') as crm_contact_id,
        lower(trim(event_type)) as event_type,
        -- Forms put addresses into the query of a page; campaigns have columns of their own.
        nullif(split_part(split_part(trim(page_url), '?', 1), '#', 1), '') as page_url,
        nullif(trim(utm_source), '') as utm_source,
        nullif(trim(utm_medium), '') as utm_medium,
        nullif(trim(utm_campaign), '') as utm_campaign,
        nullif(trim(gclid), '') as gclid,
        nullif(trim(gbraid), '') as gbraid,
        nullif(trim(wbraid), '') as wbraid,
        {{ text_or_unknown('lower(device_class)') }} as device_class,
        {{ text_or_unknown('lower(browser)') }} as browser,
        {{ text_or_unknown('upper(country)') }} as country_code,
        {{ to_utc('created_at') }} as created_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

ranked as (
    select
        *,
        {{ version_rank(
            key=['event_id'],
            newest=['loaded_at'],
            tie_breakers=[
                'event_at', 'fp_cookie_id', 'hem', 'crm_contact_id', 'event_type', 'page_url',
                'utm_source', 'utm_medium', 'utm_campaign', 'gclid', 'gbraid', 'wbraid',
                'device_class', 'browser', 'country_code', 'created_at',
            ]
        ) }} as version_rank
    from cleaned
),

final as (
    select
        event_id,
        event_at,
        cast(event_at as date) as event_date,
        fp_cookie_id,
        hem,
        crm_contact_id,
        event_type,
        case when not regexp_like(page_url, '@|%40') then page_url end
            as page_url,
        utm_source,
        utm_medium,
        utm_campaign,
        gclid,
        gbraid,
        wbraid,
        device_class,
        browser,
        country_code,
        created_at,
        loaded_at
    from ranked
    where version_rank = 1
)

select * from final
