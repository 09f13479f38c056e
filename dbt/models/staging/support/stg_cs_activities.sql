-- Grain: one row per activity of customer success.
with

source as (
    {{ delivered('support', 'customer_success_activities') }}
),

cleaned as (
    select
        trim(activity_id) as activity_id,
        trim(account_id) as account_id,
        lower(trim(activity_type)) as activity_type,
        {{ to_utc('due_at') }} as due_at,
        {{ to_utc('done_at') }} as done_at,
        {{ text_or_unknown('owner') }} as owner_name,
        {{ text_or_unknown('lower(outcome)') }} as outcome,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['activity_id'],
        tie_breakers=[
            'account_id', 'activity_type', 'due_at', 'done_at', 'owner_name', 'outcome',
        ]
    ) }}
),

final as (
    select
        *,
        cast(due_at as date) as due_date,
        done_at is not null as is_done
    from newest
)

select * from final
