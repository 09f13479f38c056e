-- Grain: one row per application and change; every version is kept.
with

source as (
    {{ delivered('product', 'platform_applications') }}
),

cleaned as (
    select
        trim(application_id) as application_id,
        trim(account_id) as account_id,
        nullif(lower(trim(team)), '') as team,
        nullif(lower(trim(use_case)), '') as use_case,
        nullif(lower(trim(workflow)), '') as workflow,
        {{ to_utc('created_at') }} as created_at,
        {{ to_utc('archived_at') }} as archived_at,
        {{ to_utc('updated_at') }} as updated_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['application_id', 'updated_at'],
        tie_breakers=['account_id', 'team', 'use_case', 'workflow', 'created_at', 'archived_at']
    ) }}
)

select * from newest
