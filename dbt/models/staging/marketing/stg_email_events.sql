-- Grain: one row per event of an e-mail.
with

source as (
    {{ delivered('marketing', 'marketing_email_events') }}
),

cleaned as (
    select
        trim(event_id) as event_id,
        trim(campaign_id) as campaign_id,
        nullif(trim(crm_contact_id), '') as crm_contact_id,
        coalesce({{ hem('email') }}, {{ hem('hem') }}) as hem,
        lower(trim(event_type)) as event_type,
        {{ to_utc('event_timestamp') }} as event_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['event_id'],
        tie_breakers=['campaign_id', 'crm_contact_id', 'hem', 'event_type', 'event_at']
    ) }}
),

final as (
    select
        *,
        cast(event_at as date) as event_date
    from newest
)

select * from final
