-- Grain: one row per region ('all' for any region) and uninterrupted stretch of downtime.
{# Overlapping incidents are merged, so that a minute of downtime counts once. #}
with incidents as (

    select * from {{ ref('fct_incidents') }}
    where downtime_ended_at > started_at

),

regions as (

    select region from {{ ref('dim_region') }}

),

-- An incident without a region concerns every region.
intervals as (

    select
        'all' as region,
        started_at,
        downtime_ended_at as ended_at
    from incidents

    union all

    select
        regions.region,
        incidents.started_at,
        incidents.downtime_ended_at as ended_at
    from incidents
    inner join regions
        on incidents.region is null or incidents.region = regions.region

),

with_latest_end as (

    select
        region,
        started_at,
        ended_at,
        max(ended_at) over (
            partition by region
            order by started_at nulls last, ended_at nulls last
            rows between unbounded preceding and 1 preceding
        ) as latest_end_before_at
    from intervals

),

numbered as (

    select
        region,
        started_at,
        ended_at,
        sum(
            case
                when latest_end_before_at is null or started_at > latest_end_before_at then 1 else 0
            end
        ) over (
            partition by region
            order by started_at nulls last, ended_at nulls last
            rows between unbounded preceding and current row
        ) as stretch_number
    from with_latest_end

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['region', 'stretch_number']) }} as downtime_key,
        region,
        min(started_at) as started_at,
        max(ended_at) as ended_at,
        {{ seconds_between('min(started_at)', 'max(ended_at)') }} / 60 as downtime_minutes
    from numbered
    group by region, stretch_number

)

select
    downtime_key,
    region,
    started_at,
    ended_at,
    cast(downtime_minutes as numeric(18, 6)) as downtime_minutes
from final
