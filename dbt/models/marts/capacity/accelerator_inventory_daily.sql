-- Grain: one row per instance type, region and day with at least one reservation.
{#
  A reservation counts on a day with its last snapshot by the end of that day, once, however many
  there are. Without a snapshot on the day the one before is carried forward, as long as it is not
  older than capacity_carry_forward_hours at the end of the day; then the reservation is left out.
#}
{%- set days_reached = [(var('capacity_carry_forward_hours') + 23) // 24, 1] | max %}
with as_of as (select * from {{ ref('int_as_of') }}),

days as (

    select int_day.date_day
    from {{ ref('int_day') }} as int_day
    inner join as_of
        on int_day.date_day <= as_of.as_of_date

),

snapshots as (

    select
        inventory.odcr,
        inventory.observed_at,
        cast(inventory.observed_at as date) as observed_date,
        inventory.instance_type,
        inventory.region,
        coalesce(
            inventory.total_instances,
            inventory.idle_instances + inventory.allocated_instances
        ) as total_instances,
        coalesce(inventory.idle_instances, 0) as idle_instances,
        coalesce(inventory.warmpool_instances, 0) as warmpool_instances,
        coalesce(inventory.used_instances, 0) as used_instances,
        lead(cast(inventory.observed_at as date)) over (
            partition by inventory.odcr order by inventory.observed_at nulls last
        ) as next_observed_date
    from {{ ref('stg_accelerator_inventory') }} as inventory
    inner join as_of
        on inventory.observed_at < as_of.as_of_end_at
    -- A snapshot without a total measures nothing.
    where
        inventory.total_instances is not null
        or inventory.idle_instances + inventory.allocated_instances is not null

),

-- Each snapshot on the few days that it can reach, so that it meets the days by equality.
reaching as (

    {{ on_dates('snapshots', 'inventory_date', 'observed_date', 'day', range(days_reached)) }}

),

-- All but the last snapshot of a day have their successor on the same day, and drop out.
carried as (

    select reaching.*
    from reaching
    inner join days
        on reaching.inventory_date = days.date_day
    where
        (
            reaching.next_observed_date > reaching.inventory_date
            or reaching.next_observed_date is null
        )
        and (
            reaching.inventory_date = reaching.observed_date
            or cast(reaching.inventory_date + interval '1 day' as timestamp)
            <= reaching.observed_at + interval '{{ var("capacity_carry_forward_hours") }} hour'
        )

),

summed as (

    select
        inventory_date,
        instance_type,
        region,
        count(*) as reservation_count,
        count(*) filter (where observed_date < inventory_date) as carried_reservation_count,
        min(observed_at) as oldest_snapshot_at,
        sum(total_instances) as total_instances,
        sum(idle_instances) as idle_instances,
        sum(warmpool_instances) as warmpool_instances,
        sum(used_instances) as used_instances,
        sum(total_instances - idle_instances - warmpool_instances - used_instances)
            as unaccounted_instances
    from carried
    group by inventory_date, instance_type, region

),

final as (

    select
        inventory_date,
        instance_type,
        region,
        cast(reservation_count as bigint) as reservation_count,
        cast(carried_reservation_count as bigint) as carried_reservation_count,
        oldest_snapshot_at,
        cast(total_instances as bigint) as total_instances,
        cast(idle_instances as bigint) as idle_instances,
        cast(warmpool_instances as bigint) as warmpool_instances,
        cast(used_instances as bigint) as used_instances,
        cast(unaccounted_instances as bigint) as unaccounted_instances,
        {{ pct('idle_instances', 'total_instances') }} as idle_pct,
        {{ pct('warmpool_instances', 'total_instances') }} as warmpool_pct,
        {{ pct('used_instances', 'total_instances') }} as used_pct
    from summed

)

select * from final
