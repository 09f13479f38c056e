-- Grain: one row per ISO week and metric of the three layers that has a final value in it.
{#
  How far each metric moved, against its own past: history is the 13 calendar weeks before. A move is
  unusual beyond two standard deviations of that history, which needs at least four weeks. A value that
  can still change is neither judged nor history.
#}
with weekly as (

    select
        metric,
        layer,
        period_start as week_start,
        value
    from {{ ref('metric_values') }}
    where
        grain = 'week'
        and dimension = 'all'
        and is_final

),

catalog as (select * from {{ ref('metric_catalog') }}),

compared as (

    select
        weekly.*,
        lag(weekly.value)
            over (partition by weekly.metric order by weekly.week_start nulls last)
            as value_before,
        lag(weekly.week_start)
            over (partition by weekly.metric order by weekly.week_start nulls last)
            as week_before,
        count(*) over history as history_weeks,
        cast(sum(weekly.value) over history as numeric(24, 6))
        / nullif(count(weekly.value) over history, 0) as history_mean,
        stddev_samp(weekly.value) over history as history_stddev
    from weekly
    window
        history as (
            partition by metric order by week_start nulls last
            range between interval '91 day' preceding and interval '7 day' preceding
        )

),

scored as (

    select
        compared.week_start,
        compared.layer,
        compared.metric,
        catalog.metric_name,
        catalog.unit,
        catalog.direction,
        compared.value,
        -- The week before, never "the row before".
        case
            when {{ days_between('compared.week_before', 'compared.week_start') }} = 7
                then compared.value_before
        end as previous_value,
        compared.history_weeks,
        compared.history_mean,
        compared.history_stddev,
        case
            when compared.history_weeks >= 4 and compared.history_stddev > 0
                then
                    cast(
                        (cast(compared.value as numeric(24, 6)) - compared.history_mean)
                        / compared.history_stddev as numeric(38, 6)
                    )
        end as z_score
    from compared
    inner join catalog
        on compared.metric = catalog.metric

),

judged as (

    select
        *,
        value - previous_value as change,
        case
            when z_score >= 2 then 'unusually high'
            when z_score <= -2 then 'unusually low'
            when z_score is null then 'too little history'
            else 'within its usual range'
        end as movement,
        case
            when direction = 'up' then z_score > 0
            when direction = 'down' then z_score < 0
        end as is_favourable,
        row_number() over (
            partition by week_start, layer
            order by abs(z_score) desc nulls last, metric nulls last
        ) as rank_in_layer
    from scored

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['week_start', 'metric']) }} as weekly_story_key,
        week_start,
        layer,
        cast(rank_in_layer as integer) as rank_in_layer,
        metric,
        metric_name,
        unit,
        direction,
        value,
        cast(previous_value as numeric(38, 6)) as previous_value,
        cast(change as numeric(38, 6)) as change,
        {{ pct('change', 'abs(previous_value)') }} as change_pct,
        cast(history_weeks as integer) as history_weeks,
        cast(history_mean as numeric(38, 6)) as history_mean,
        cast(history_stddev as numeric(38, 6)) as history_stddev,
        cast(z_score as numeric(38, 6)) as z_score,
        movement,
        is_favourable,
        concat_ws(
            '',
            metric_name, ': ', cast(cast(value as numeric(24, 2)) as varchar(40)), ' ', unit, ', ',
            movement,
            case
                when previous_value is not null
                    then
                        concat_ws(
                            '',
                            ' (', cast(cast(previous_value as numeric(24, 2)) as varchar(40)),
                            ' the week before)'
                        )
            end
        ) as sentence
    from judged

)

select * from final
