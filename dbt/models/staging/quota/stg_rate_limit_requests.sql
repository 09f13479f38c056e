-- Grain: one row per request of an account for another limit (account, model variant, scope,
-- source region, requested_at), latest version.
{%- set key = [
    'account_id', 'model_variant', 'inference_scope', 'source_region', 'requested_at',
] %}
{%- set attributes = [
    'limit_type', 'requests_per_minute', 'tokens_per_minute', 'tokens_per_day', 'status',
    'created_by_sha256',
] %}
with

source as (
    {{ delivered('quota', 'quota_customer_rate_limit_requests') }}
),

cleaned as (
    select
        trim(account_id) as account_id,
        trim(model_variant) as model_variant,
        lower(trim(inference_scope)) as inference_scope,
        {{ text_or_unknown('source_region') }} as source_region,
        {{ to_utc('create_datetime') }} as requested_at,
        {{ text_or_unknown('lower(limit_type)') }} as limit_type,
        cast(requests_per_minute as bigint) as requests_per_minute,
        cast(tokens_per_minute as bigint) as tokens_per_minute,
        cast(tokens_per_day as bigint) as tokens_per_day,
        lower(trim(status)) as status,
        {{ hem('created_by') }} as created_by_sha256,
        {{ to_utc('last_updated') }} as updated_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

stamped as (
    select
        *,
        {{ believed_stamp('updated_at', key=key) }} as believed_at
    from cleaned
),

-- Of several versions of one instant the newest delivered stands: it corrects the others.
corrected as (
    select
        *,
        {{ version_rank(
            key=key + ['updated_at'],
            newest=['loaded_at'],
            tie_breakers=attributes
        ) }} as correction_rank
    from stamped
),

ranked as (
    select
        *,
        {{ version_rank(
            key=key,
            newest=['believed_at', 'loaded_at'],
            tie_breakers=attributes
        ) }} as version_rank
    from corrected
    where correction_rank = 1
),

newest as (
    select
        *,
        max(case when version_rank = 1 then status end)
            over (partition by {{ key | join(', ') }}) as newest_status
    from ranked
),

-- The last version that said otherwise: what is newer repeats the status, and changes the rest.
changed as (
    select
        *,
        min(case when status <> newest_status then version_rank end)
            over (partition by {{ key | join(', ') }}) as other_rank
    from newest
),

dated as (
    select
        *,
        min(case when other_rank is null or version_rank < other_rank then believed_at end)
            over (partition by {{ key | join(', ') }}) as status_since_at
    from changed
),

latest as (
    select
        *,
        status in ('approved', 'rejected') as is_decided,
        -- A status that nobody knows keeps the request in the queue.
        coalesce(status not in ('approved', 'rejected', 'cancelled'), true) as is_open
    from dated
    where version_rank = 1
),

final as (
    select
        account_id,
        model_variant,
        inference_scope,
        source_region,
        requested_at,
        limit_type,
        requests_per_minute,
        tokens_per_minute,
        tokens_per_day,
        {{ ratio('tokens_per_minute', 'requests_per_minute') }} as tokens_per_request_at_limit,
        {{ ratio('tokens_per_day', 'tokens_per_minute') }} as minutes_to_daily_limit,
        status,
        status = 'pending' as is_pending,
        status = 'approved' as is_approved,
        status = 'rejected' as is_rejected,
        status = 'cancelled' as is_cancelled,
        is_decided,
        is_open,
        limit_type = 'upgrade' as is_upgrade,
        created_by_sha256,
        case when not is_open then status_since_at end as closed_at,
        case when is_decided then status_since_at end as decided_at,
        cast(
            case
                when is_decided then {{ seconds_between('requested_at', 'status_since_at') }} / 3600
            end as numeric(18, 6)
        ) as hours_to_decision,
        updated_at,
        loaded_at
    from latest
)

select * from final
