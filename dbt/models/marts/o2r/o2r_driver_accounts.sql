-- Grain: one row per account and metric of the driver map that is known of it in the newest
-- complete week.
{# The accounts behind a number: where it stands in each, and against its own four weeks before. #}
with newest as (

    select max(week_start) as week_start from {{ ref('driver_account_week') }}

),

recent as (

    select
        known.account_id,
        known.metric,
        newest.week_start,
        max(known.value) filter (where known.week_start = newest.week_start) as value,
        {{ ratio('sum(known.value) filter (where known.week_start < newest.week_start)',
            'count(*) filter (where known.week_start < newest.week_start)') }} as recent_mean
    from (
        {{ driver_account_values(driver_account_metrics()) }}
    ) as known
    inner join newest
        on
            known.week_start <= newest.week_start
            and known.week_start >= cast(newest.week_start - interval '28 day' as date)
    group by known.account_id, known.metric, newest.week_start

),

teams as (

    select
        actionable_metric as metric,
        {{ string_agg_sorted('driver') }} as teams
    from (
        select distinct
            actionable_metric,
            driver
        from {{ ref('driver_map') }}
    ) as drivers
    group by actionable_metric

),

named as (

    select
        recent.*,
        catalog.metric_name,
        catalog.unit,
        teams.teams,
        accounts.account_name,
        accounts.owner_name,
        accounts.segment,
        accounts.plan_tier,
        case when catalog.direction = 'up' then 1 else -1 end as good_sign
    from recent
    inner join {{ ref('metric_catalog') }} as catalog
        on recent.metric = catalog.metric
    inner join teams
        on recent.metric = teams.metric
    inner join {{ ref('dim_account') }} as accounts
        on recent.account_id = accounts.account_id
    where recent.value is not null

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['account_id', 'metric']) }} as driver_account_key,
        account_id,
        account_name,
        owner_name,
        segment,
        plan_tier,
        metric,
        metric_name,
        unit,
        teams,
        week_start,
        cast(value as numeric(38, 6)) as value,
        recent_mean,
        case
            when recent_mean is null then null
            when value = recent_mean then 'same'
            when good_sign * value > good_sign * recent_mean then 'better'
            else 'worse'
        end as against_recent,
        cast(
            rank() over (partition by metric order by good_sign * value nulls last) as integer
        ) as rank_from_worst
    from named

)

select * from final
