-- Grain: one row per web event by the as-of day.
{#
  An event has the person of its strongest identifier that is not shared: what a visitor did before
  saying who it is belongs to the person as soon as that is known.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

events as (

    select stg_web_events.*
    from {{ ref('stg_web_events') }} as stg_web_events
    inner join as_of
        on stg_web_events.event_at < as_of.as_of_end_at

),

identifiers as (select * from {{ ref('int_identifier') }}),

-- When a contact or an address was first named together with a cookie.
named_cookies as (

    select
        value_b as fp_cookie_id,
        min(first_seen_at) as named_at
    from {{ ref('int_identifier_link') }}
    where type_b = 'web_cookie'
    group by value_b

),

final as (

    select
        events.event_id,
        events.event_at,
        events.event_date,
        events.event_type,
        events.page_url,
        events.utm_source,
        events.utm_medium,
        events.utm_campaign,
        coalesce(events.gclid, events.gbraid, events.wbraid) as google_click_id,
        case
            when events.gclid is not null then 'gclid'
            when events.gbraid is not null then 'gbraid'
            when events.wbraid is not null then 'wbraid'
        end as google_click_id_type,
        events.device_class,
        events.browser,
        events.country_code,
        coalesce(
            case when not contacts.is_shared then contacts.person_id end,
            case when not emails.is_shared then emails.person_id end,
            case when not cookies.is_shared then cookies.person_id end,
            contacts.person_id,
            emails.person_id,
            cookies.person_id
        ) as person_id,
        coalesce(
            cookies.identifier_key, contacts.identifier_key, emails.identifier_key
        ) as visitor_key,
        case
            when contacts.identifier_key is not null or emails.identifier_key is not null
                then {{ lesser_known('events.event_at', 'named_cookies.named_at') }}
            else named_cookies.named_at
        end as named_at
    from events
    left join identifiers as contacts
        on
            contacts.identifier_type = 'crm_contact_id'
            and events.crm_contact_id = contacts.identifier_value
    left join identifiers as emails
        on
            emails.identifier_type = 'email'
            and events.hem = emails.identifier_value
    left join identifiers as cookies
        on
            cookies.identifier_type = 'web_cookie'
            and events.fp_cookie_id = cookies.identifier_value
    left join named_cookies
        on events.fp_cookie_id = named_cookies.fp_cookie_id

)

select * from final
