-- Grain: one row per grain (week, month), period and member of the dimensions all and region.
{#
  MTTR counts the incidents that started in the period and are resolved; an open one has no recovery
  time yet.
#}
with periods as (select * from {{ ref('int_period') }}),

downtime as (

    select * from {{ ref('fct_downtime_period') }}
    where
        region = 'all'
        or region in (
            select regions.region from {{ ref('dim_region') }} as regions
            where regions.is_serving
        )

),

incidents as (select * from {{ ref('fct_incidents') }}),

recoveries as (

    select
        downtime.grain,
        downtime.period_start,
        downtime.region,
        count(*) as incident_count,
        count(incidents.recovery_minutes) as resolved_incident_count,
        sum(incidents.recovery_minutes) as recovery_minutes
    from downtime
    inner join periods
        on {{ columns_equal('downtime', 'periods', ['grain', 'period_start']) }}
    inner join incidents
        on
            periods.period_start <= incidents.started_date
            and periods.period_end >= incidents.started_date
            and (
                downtime.region = 'all'
                or incidents.region is null
                or downtime.region = incidents.region
            )
    group by downtime.grain, downtime.period_start, downtime.region

),

final as (

    select
        downtime.grain,
        downtime.period_start,
        case when downtime.region = 'all' then 'all' else 'region' end as dimension,
        downtime.region as dimension_value,
        downtime.is_complete,
        downtime.is_final
        and coalesce(recoveries.incident_count - recoveries.resolved_incident_count, 0) = 0
            as is_final,
        downtime.period_minutes,
        downtime.downtime_minutes,
        downtime.open_downtime_count,
        {{ pct('downtime.period_minutes - downtime.downtime_minutes', 'downtime.period_minutes') }}
            as uptime_pct,
        cast(coalesce(recoveries.incident_count, 0) as bigint) as incident_count,
        cast(coalesce(recoveries.resolved_incident_count, 0) as bigint) as resolved_incident_count,
        cast(recoveries.recovery_minutes as numeric(18, 6)) as recovery_minutes,
        {{ ratio('recoveries.recovery_minutes', 'recoveries.resolved_incident_count') }}
            as mttr_minutes
    from downtime
    left join recoveries
        on {{ columns_equal('downtime', 'recoveries', ['grain', 'period_start', 'region']) }}

)

select * from final
