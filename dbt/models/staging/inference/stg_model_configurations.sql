-- Grain: one row per model variant and snapshot day; every version is kept.
with

source as (
    {{ delivered('inference', 'config_model_dimensions') }}
),

cleaned as (
    select
        trim(model_variant) as model_variant,
        cast(snapshot_date as date) as snapshot_date,
        {{ text_or_unknown('publisher') }} as publisher,
        {{ text_or_unknown('display_name') }} as display_name,
        nullif(trim(resource_name), '') as resource_name,
        {{ text_or_unknown('model_family') }} as model_family,
        {{ text_or_unknown('variant') }} as variant,
        {{ text_or_unknown('version') }} as version,
        {{ text_or_unknown('task') }} as task,
        {{ text_or_unknown('lower(inference_scope)') }} as inference_scope,
        cast(is_open_source as boolean) as is_open_source,
        cast(replicas as integer) as replicas,
        cast(max_concurrency as integer) as max_concurrency,
        cast(ideal_concurrency as integer) as ideal_concurrency,
        cast(max_rps as numeric(18, 6)) as max_requests_per_second,
        {{ text_or_unknown('accelerator_type') }} as accelerator_type,
        cast(accelerators_per_replica as integer) as accelerators_per_replica,
        cast(memory_gb as numeric(18, 6)) as memory_gb,
        nullif(trim(endpoint), '') as endpoint,
        cast(tokens_per_second as numeric(18, 6)) as tokens_per_second,
        cast(avg_tokens_per_request as numeric(18, 6)) as avg_tokens_per_request,
        cast(avg_latency_seconds as numeric(18, 6)) as avg_latency_seconds,
        nullif(trim(successor), '') as successor,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['model_variant', 'snapshot_date'],
        tie_breakers=[
            'publisher', 'display_name', 'resource_name', 'model_family', 'variant',
            'version', 'task', 'inference_scope', 'is_open_source', 'replicas',
            'max_concurrency', 'ideal_concurrency', 'max_requests_per_second',
            'accelerator_type', 'accelerators_per_replica', 'memory_gb', 'endpoint',
            'tokens_per_second', 'avg_tokens_per_request', 'avg_latency_seconds', 'successor',
        ]
    ) }}
)

select * from newest
