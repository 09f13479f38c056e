-- Grain: one row per ticket, latest version.
{%- set attributes = [
    'account_id', 'created_at', 'first_response_at', 'resolved_at', 'priority', 'category',
    'status', 'channel', 'reopen_count', 'csat',
] %}
with

source as (
    {{ delivered('support', 'support_tickets') }}
),

cleaned as (
    select
        trim(ticket_id) as ticket_id,
        trim(account_id) as account_id,
        {{ to_utc('created_at') }} as created_at,
        {{ to_utc('first_response_at') }} as first_response_at,
        {{ to_utc('resolved_at') }} as resolved_at,
        {{ text_or_unknown('lower(priority)') }} as priority,
        {{ text_or_unknown('lower(category)') }} as category,
        {{ text_or_unknown('lower(status)') }} as status,
        {{ text_or_unknown('lower(channel)') }} as channel,
        cast(reopen_count as integer) as reopen_count,
        cast(csat as numeric(18, 6)) as csat,
        {{ to_utc('last_updated') }} as updated_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

stamped as (
    select
        *,
        {{ believed_stamp('updated_at', key=['ticket_id']) }} as believed_at
    from cleaned
),

-- Of several versions of one instant the newest delivered stands: it corrects the others.
corrected as (
    select
        *,
        {{ version_rank(
            key=['ticket_id', 'updated_at'],
            newest=['loaded_at'],
            tie_breakers=attributes
        ) }} as correction_rank
    from stamped
),

escalated as (
    select
        *,
        min(case when status = 'escalated' then updated_at end) over (partition by ticket_id)
            as escalated_at,
        max(case when status = 'escalated' then believed_at end) over (partition by ticket_id)
            as last_escalated_at
    from corrected
    where correction_rank = 1
),

ranked as (
    select
        *,
        min(
            case
                when believed_at > last_escalated_at and status <> 'Unknown' then believed_at
            end
        ) over (partition by ticket_id) as deescalated_at,
        {{ version_rank(
            key=['ticket_id'],
            newest=['believed_at', 'loaded_at'],
            tie_breakers=attributes
        ) }} as version_rank
    from escalated
),

latest as (
    select
        *,
        (category in ('error', 'latency')) as is_platform_ticket
    from ranked
    where version_rank = 1
),

final as (
    select
        ticket_id,
        account_id,
        created_at,
        cast(created_at as date) as created_date,
        first_response_at,
        escalated_at,
        deescalated_at,
        -- Reopened: systems leave the instant of the resolution that did not last.
        case when status <> 'open' then resolved_at end as resolved_at,
        priority,
        category,
        is_platform_ticket,
        status,
        channel,
        reopen_count,
        csat,
        updated_at,
        loaded_at
    from latest
)

select * from final
