-- Grain: one row per success metric, factor and actionable metric.
{#
  Where each actionable metric stands, in its newest final week (or month, if it has no weeks), and
  whether it has been seen to move before its success metric (o2r_driver_links, at the clearest lag).
#}
with driver_map as (select * from {{ ref('driver_map') }}),

catalog as (select * from {{ ref('metric_catalog') }}),

totals as (

    select
        metric,
        grain,
        period_start,
        value,
        max(period_start) over (partition by metric, grain) as newest_start,
        max(case when grain = 'week' then 1 else 0 end) over (partition by metric) as has_weeks
    from {{ ref('metric_values') }}
    where
        dimension = 'all'
        and is_final

),

-- Whole weeks or months before the newest one.
aged as (

    select
        *,
        case grain
            when 'week' then {{ days_between('period_start', 'newest_start') }} / 7
            else {{ months_between('period_start', 'newest_start') }}
        end as age
    from totals
    where grain = case when has_weeks = 1 then 'week' else 'month' end

),

standing as (

    select
        metric,
        max(grain) as grain,
        max(newest_start) as period_start,
        cast(max(value) filter (where age = 0) as numeric(38, 6)) as value,
        cast(max(value) filter (where age = 1) as numeric(38, 6)) as previous_value,
        {{ ratio('sum(value) filter (where age between 1 and 4)',
            'count(*) filter (where age between 1 and 4)') }} as recent_mean,
        count(*) filter (where age between 1 and 4) as recent_count
    from aged
    group by metric

),

feeds as (

    select
        feed,
        min(feed_name) as feed_name
    from {{ ref('feeds') }}
    group by feed

),

silent as (

    select
        feeds.feed,
        feeds.feed_name
    from feeds
    left join {{ ref('int_feed_clock') }} as clocks
        on feeds.feed = clocks.feed
    where clocks.feed is null

),

missing as (

    select
        definitions.metric,
        {{ string_agg_sorted('silent.feed_name') }} as feed_names
    from {{ ref('metric_definitions') }} as definitions
    inner join silent
        on ' ' || definitions.feeds || ' ' like '% ' || silent.feed || ' %'
    group by definitions.metric

),

links as (

    select * from {{ ref('o2r_driver_links') }}
    where is_best_lag

),

joined as (

    select
        driver_map.*,
        success.book_id as success_metric_id,
        success.metric_name as success_metric_name,
        actionable.metric_name as actionable_metric_name,
        actionable.unit,
        actionable.direction,
        actionable.owner,
        actionable.status,
        actionable.target,
        standing.grain,
        standing.period_start,
        standing.value,
        standing.previous_value,
        cast(
            case when standing.recent_count = 4 then standing.recent_mean end as numeric(38, 6)
        ) as recent_mean,
        missing.feed_names as missing_feeds,
        links.level as link_level,
        links.lag_weeks as link_lag_weeks,
        links.pair_count as link_pair_count,
        links.correlation as link_correlation,
        links.correlation_low as link_correlation_low,
        links.correlation_high as link_correlation_high,
        links.verdict as link_verdict,
        case when actionable.direction = 'up' then 1 else -1 end as good_sign
    from driver_map
    inner join catalog as success
        on driver_map.success_metric = success.metric
    inner join catalog as actionable
        on driver_map.actionable_metric = actionable.metric
    left join standing
        on driver_map.actionable_metric = standing.metric
    left join missing
        on driver_map.actionable_metric = missing.metric
    left join links
        on {{ columns_equal('driver_map', 'links', ['success_metric', 'actionable_metric']) }}

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'success_metric', 'factor_id', 'actionable_metric'
        ]) }} as driver_map_key,
        success_metric_id,
        success_metric,
        success_metric_name,
        factor_id,
        factor,
        driver,
        actionable_metric,
        actionable_metric_name,
        unit,
        direction,
        owner,
        status,
        case
            when status = 'available' and period_start is null then 'no final value yet'
            when status = 'available' then null
            when missing_feeds is not null then 'never delivered: ' || missing_feeds
            else 'nothing to measure yet'
        end as reason,
        grain,
        period_start,
        value,
        previous_value,
        recent_mean,
        {%- for base, name in {'previous_value': 'previous', 'recent_mean': 'recent'}.items() %}
        case
            when {{ base }} is null then null
            when value = {{ base }} then 'same'
            when good_sign * value > good_sign * {{ base }} then 'better'
            else 'worse'
        end as against_{{ name }},
        {%- endfor %}
        target,
        case
            when target is null then 'none stated'
            when value is null then 'not known'
            when good_sign * value >= good_sign * target then 'met'
            else 'missed'
        end as target_state,
        link_level,
        link_lag_weeks,
        link_pair_count,
        link_correlation,
        link_correlation_low,
        link_correlation_high,
        case
            when status <> 'available' then 'no data'
            else coalesce(link_verdict, 'too few')
        end as link_verdict,
        success_metric = 'cs_score'
        and actionable_metric in (
            'error_rate_pct', 'incident_count', 'uptime_sla_adherence_pct'
        ) as is_part_of_success_metric
    from joined

)

select * from final
