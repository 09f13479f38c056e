-- Grain: one row per service account that owns a reservation with idle instances, now or before.
with episodes as (select * from {{ ref('idle_capacity') }}),

final as (

    select
        service_account,
        cast(count(*) as bigint) as episode_count,
        cast(count(*) filter (where is_open) as bigint) as open_episode_count,
        cast(count(*) filter (where is_open and is_flagged) as bigint) as flagged_episode_count,
        cast(coalesce(sum(idle_instances) filter (where is_open), 0) as bigint) as idle_instances,
        cast(coalesce(sum(idle_instances) filter (where is_open and is_flagged), 0) as bigint)
            as flagged_idle_instances,
        -- A maximum over durations: hours of several reservations are not added up.
        cast(max(duration_hours) filter (where is_open) as numeric(24, 6)) as longest_idle_hours,
        cast(sum(idle_cost) as numeric(24, 6)) as idle_cost,
        cast(sum(idle_cost) filter (where is_open) as numeric(24, 6)) as open_idle_cost,
        cast(count(*) filter (where not has_price) as bigint) as unpriced_episode_count
    from episodes
    group by service_account

)

select * from final
