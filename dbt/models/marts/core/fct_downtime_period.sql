-- Grain: one row per region ('all' for any region), grain (week, month) and period since incidents
-- or requests are observed; none before the first incident was ever delivered.
with periods as (

    {{ periods_of(['incidents']) }}

),

coverage as (

    select min(first_date) as first_date from {{ ref('int_first_observed') }}
    where feed in ('requests', 'incidents')
    having count(*) filter (where feed = 'incidents') > 0

),

regions as (

    select 'all' as region

    union all

    select region from {{ ref('dim_region') }}

),

downtime as (select * from {{ ref('fct_downtime') }}),

-- Incidents that count as downtime to the last minute only because nobody has said otherwise yet.
open_incidents as (

    select
        regions.region,
        periods.grain,
        periods.period_start,
        count(*) as open_downtime_count
    from periods
    cross join regions
    inner join {{ ref('fct_incidents') }} as incidents
        on
            periods.observed_end_at > incidents.started_at
            and (
                regions.region = 'all'
                or incidents.region is null
                or regions.region = incidents.region
            )
    where
        incidents.is_open
        and incidents.reported_downtime_minutes is null
    group by regions.region, periods.grain, periods.period_start

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'regions.region', 'periods.grain', 'periods.period_start'
        ]) }} as downtime_period_key,
        regions.region,
        periods.grain,
        periods.period_start,
        periods.is_complete,
        {{ seconds_between('cast(periods.period_start as timestamp)', 'periods.observed_end_at') }}
        / 60 as period_minutes,
        -- A stretch that crosses the boundary of a period is split there.
        coalesce(
            sum(
                {{ seconds_between(
                    greater('downtime.started_at', 'cast(periods.period_start as timestamp)'),
                    lesser('downtime.ended_at', 'periods.observed_end_at')
                ) }}
            ),
            0
        ) / 60 as downtime_minutes,
        coalesce(open_incidents.open_downtime_count, 0) as open_downtime_count
    from periods
    inner join coverage
        on periods.observed_end >= coverage.first_date
    cross join regions
    left join downtime
        on
            regions.region = downtime.region
            and periods.observed_end_at > downtime.started_at
            and downtime.ended_at > cast(periods.period_start as timestamp)
    left join open_incidents
        on
            regions.region = open_incidents.region
            and periods.grain = open_incidents.grain
            and periods.period_start = open_incidents.period_start
    group by
        regions.region, periods.grain, periods.period_start, periods.is_complete,
        periods.observed_end_at, coalesce(open_incidents.open_downtime_count, 0)

)

select
    downtime_period_key,
    region,
    grain,
    period_start,
    is_complete,
    is_complete and open_downtime_count = 0 as is_final,
    cast(period_minutes as numeric(18, 6)) as period_minutes,
    cast(downtime_minutes as numeric(18, 6)) as downtime_minutes,
    cast(open_downtime_count as bigint) as open_downtime_count
from final
