-- Grain: one row per activity of sales, its newest version.
with

source as (
    {{ delivered('crm', 'sales_activities') }}
),

cleaned as (
    select
        trim(activity_id) as activity_id,
        nullif(trim(crm_account_id), '') as account_id,
        nullif(trim(crm_contact_id), '') as crm_contact_id,
        nullif(trim(deal_id), '') as deal_id,
        {{ text_or_unknown('rep') }} as rep_name,
        lower(trim(kind)) as kind,
        {{ to_utc('done_at') }} as done_at,
        {{ to_utc('responded_at') }} as responded_at,
        {{ text_or_unknown('lower(outcome)') }} as outcome,
        {{ to_utc('last_updated') }} as updated_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

stamped as (
    select
        *,
        {{ believed_stamp('updated_at', key=['activity_id']) }} as believed_at
    from cleaned
),

newest as (
    {{ newest_version(
        key=['activity_id'],
        newest=['believed_at', 'loaded_at'],
        tie_breakers=[
            'account_id', 'crm_contact_id', 'deal_id', 'rep_name', 'kind', 'done_at',
            'responded_at', 'outcome', 'updated_at',
        ],
        versions='stamped'
    ) }}
),

final as (
    select
        *,
        cast(done_at as date) as done_date
    from newest
)

select * from final
