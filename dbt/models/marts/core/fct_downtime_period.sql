-- Grain: one row per region ('all' for any region), grain (week, month) and period since incidents
-- or requests are observed; none before the first incident was ever delivered.
with periods as (

    select * from {{ ref('int_period') }}

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

downtime as (

    select * from {{ ref('fct_downtime') }}

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
        -- A stretch that crosses the boundary of a period is split there. The filter matters:
        -- greatest and least skip nulls, so a period without downtime would count whole.
        coalesce(
            sum(
                {{ seconds_between(
                    'greatest(downtime.started_at, cast(periods.period_start as timestamp))',
                    'least(downtime.ended_at, periods.observed_end_at)'
                ) }}
            ) filter (where downtime.region is not null),
            0
        ) / 60 as downtime_minutes
    from periods
    inner join coverage
        on periods.observed_end >= coverage.first_date
    cross join regions
    left join downtime
        on
            regions.region = downtime.region
            and periods.observed_end_at > downtime.started_at
            and downtime.ended_at > cast(periods.period_start as timestamp)
    group by
        regions.region, periods.grain, periods.period_start, periods.is_complete,
        periods.observed_end_at

)

select
    downtime_period_key,
    region,
    grain,
    period_start,
    is_complete,
    cast(period_minutes as numeric(18, 6)) as period_minutes,
    cast(downtime_minutes as numeric(18, 6)) as downtime_minutes
from final
