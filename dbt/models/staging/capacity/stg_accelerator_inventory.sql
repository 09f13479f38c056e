-- Grain: one row per capacity reservation and snapshot (odcr, observed_at).
with

source as (
    {{ delivered('capacity', 'resource_accelerator_inventory') }}
),

cleaned as (
    select
        trim(odcr) as odcr,
        {{ to_utc('event_timestamp') }} as observed_at,
        {{ text_or_unknown('instance_type') }} as instance_type,
        {{ text_or_unknown('platform') }} as platform,
        {{ text_or_unknown('region') }} as region,
        nullif(trim(service_account), '') as service_account,
        nullif(trim(consumer_account), '') as consumer_account,
        cast(total_instances as integer) as total_instances,
        cast(idle_instances as integer) as idle_instances,
        cast(warmpool_instances as integer) as warmpool_instances,
        cast(used_instances as integer) as used_instances,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['odcr', 'observed_at'],
        tie_breakers=[
            'instance_type', 'platform', 'region', 'service_account', 'consumer_account',
            'total_instances', 'idle_instances', 'warmpool_instances', 'used_instances',
        ]
    ) }}
),

final as (
    select
        *,
        warmpool_instances + used_instances as allocated_instances,
        -- What the snapshot counts as reserved and says nothing more about; negative where its
        -- parts exceed the total.
        total_instances
        - coalesce(idle_instances, 0)
        - coalesce(warmpool_instances, 0)
        - coalesce(used_instances, 0) as unaccounted_instances,
        {{ pct('used_instances', 'total_instances') }} as used_pct,
        {{ pct('warmpool_instances + used_instances', 'total_instances') }} as allocated_pct,
        {{ pct('idle_instances', 'total_instances') }} as idle_pct
    from newest
)

select * from final
