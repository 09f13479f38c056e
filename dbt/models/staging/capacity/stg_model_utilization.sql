-- Grain: one row per pod and sample (pod_id, observed_at).
with

source as (
    {{ delivered('capacity', 'resource_model_utilization') }}
),

cleaned as (
    select
        trim(pod_id) as pod_id,
        {{ to_utc('event_timestamp') }} as observed_at,
        trim(model_variant) as model_variant,
        {{ text_or_unknown('instance_type') }} as instance_type,
        {{ text_or_unknown('lower(role)') }} as role,
        cast(pod_max_concurrency as integer) as max_concurrency,
        cast(actual_concurrency as integer) as actual_concurrency,
        cast(100 * util_ratio as numeric(18, 6)) as utilization_pct,
        {{ text_or_unknown('region') }} as region,
        {{ text_or_unknown('lower(status)') }} as status,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['pod_id', 'observed_at'],
        tie_breakers=[
            'model_variant', 'instance_type', 'role', 'max_concurrency',
            'actual_concurrency', 'utilization_pct', 'region', 'status',
        ]
    ) }}
),

final as (
    select
        *,
        cast(observed_at as date) as observed_date,
        case
            when utilization_pct >= 90 then 'critical'
            when utilization_pct >= 75 then 'high'
            when utilization_pct >= 50 then 'medium'
            when utilization_pct < 50 then 'low'
            else 'Unknown'
        end as utilization_band
    from newest
)

select * from final
