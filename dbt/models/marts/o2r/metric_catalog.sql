-- Grain: one row per metric.
with definitions as (select * from {{ ref('metric_definitions') }}),

observed as (

    select
        metric,
        max(period_start) as newest_period_start,
        max(period_start) filter (where is_final) as newest_final_period_start,
        max(period_start) filter (where is_complete and grain = 'week' and dimension = 'all')
            as newest_complete_week_start,
        max(period_start) filter (where is_complete and grain = 'month' and dimension = 'all')
            as newest_complete_month_start
    from {{ ref('metric_values') }}
    group by metric

),

-- What the company states; a metric without a target is not judged.
targets as (

    select
        stated.metric,
        stated.target
    from {{ ref('stg_metric_targets') }} as stated
    inner join {{ ref('int_as_of') }} as as_of
        on
            stated.valid_from <= as_of.as_of_date
            and stated.valid_to > as_of.as_of_date

),

reaches as (

    select * from {{ ref('int_metric_reach') }}
    where dimension = 'all'

),

final as (

    select
        definitions.metric,
        definitions.book_id,
        definitions.metric_name,
        definitions.layer,
        definitions.formula,
        case
            when definitions.unit = 'currency' then '{{ setting("reporting_currency") }}'
            else definitions.unit
        end as unit,
        definitions.direction,
        definitions.owner,
        definitions.additivity,
        definitions.region_basis,
        definitions.source_mart,
        targets.target,
        definitions.final_after_days,
        case when observed.metric is not null then 'available' else 'no data' end as status,
        observed.newest_period_start,
        observed.newest_final_period_start,
        observed.newest_complete_week_start,
        observed.newest_complete_month_start,
        reaches.last_date as complete_to_date,
        cast(reaches.days_behind as integer) as days_behind,
        case
            when reaches.days_behind > 0
                then
                    concat_ws(
                        '',
                        reaches.lagging_feeds, ' ', cast(reaches.days_behind as varchar(10)),
                        case reaches.days_behind when 1 then ' day' else ' days' end,
                        ' behind: complete up to ', cast(reaches.last_date as varchar(10))
                    )
        end as lag_reason
    from definitions
    left join observed
        on definitions.metric = observed.metric
    left join targets
        on definitions.metric = targets.metric
    left join reaches
        on definitions.metric = reaches.metric

)

select * from final
