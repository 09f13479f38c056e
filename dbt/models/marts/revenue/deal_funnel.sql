-- Grain: one row per stage, of all deals (grain all) and of those created in each month (month).
{#
  A deal counts in every stage up to the furthest it has come, so the funnel never widens. What has
  become of it is told from how it stands now: it went on, it was lost here, or it is undecided.
  Conversions leave out what is undecided: an open deal is not lost.
#}
with deals as (

    select
        *,
        'all' as grain,
        cast(null as date) as cohort_month
    from {{ ref('fct_deals') }}

    union all

    select
        *,
        'month' as grain,
        created_month as cohort_month
    from {{ ref('fct_deals') }}

),

stages as (

    select
        {{ title_case('trim(stage)') }} as stage,
        position as stage_position,
        stage_outcome
    from {{ ref('deal_stages') }}
    where stage_outcome in ('open', 'won')

),

counted as (

    select
        deals.grain,
        deals.cohort_month,
        stages.stage,
        stages.stage_position,
        stages.stage_outcome,
        count(*) filter (where deals.furthest_position >= stages.stage_position) as reached_count,
        count(*) filter (where deals.furthest_position > stages.stage_position) as advanced_count,
        count(*) filter (
            where deals.furthest_position = stages.stage_position and deals.stage_outcome = 'lost'
        ) as lost_count,
        count(*) filter (
            where deals.furthest_position = stages.stage_position and deals.stage_outcome = 'open'
        ) as undecided_count,
        count(*) filter (
            where deals.furthest_position >= stages.stage_position and deals.stage_outcome = 'won'
        ) as won_count,
        count(*) filter (
            where deals.furthest_position >= stages.stage_position and deals.stage_outcome <> 'open'
        ) as closed_count,
        count(*) filter (
            where deals.stage = stages.stage and deals.stage_outcome = 'open'
        ) as open_count,
        count(*) filter (
            where
            deals.stage = stages.stage
            and deals.stage_outcome = 'open'
            and deals.deal_value is null
        ) as open_unvalued_count,
        count(*) filter (
            where
            deals.furthest_position >= stages.stage_position
            and deals.stage_outcome = 'won'
            and deals.deal_value is null
        ) as won_unvalued_count,
        sum(deals.deal_value) filter (
            where deals.stage = stages.stage and deals.stage_outcome = 'open'
        ) as open_value,
        sum(deals.deal_value) filter (
            where deals.furthest_position >= stages.stage_position and deals.stage_outcome = 'won'
        ) as won_value
    from deals
    cross join stages
    group by
        deals.grain, deals.cohort_month, stages.stage, stages.stage_position, stages.stage_outcome

),

waits as (

    select
        deals.grain,
        deals.cohort_month,
        visits.stage,
        count(*) as finished_visit_count,
        {{ percentile(0.5, 'visits.days_in_stage') }}
            as median_days_in_stage,
        {{ percentile(0.9, 'visits.days_in_stage') }}
            as p90_days_in_stage
    from {{ ref('fct_deal_stages') }} as visits
    inner join deals
        on visits.deal_id = deals.deal_id
    where
        visits.stage_outcome = 'open'
        and visits.left_at is not null
    group by deals.grain, deals.cohort_month, visits.stage

),

final as (

    select
        counted.grain,
        counted.cohort_month,
        counted.stage,
        counted.stage_position,
        counted.stage_outcome,
        counted.reached_count,
        counted.advanced_count,
        counted.lost_count,
        counted.undecided_count,
        {{ pct('counted.advanced_count', 'counted.advanced_count + counted.lost_count') }}
            as conversion_to_next_pct,
        counted.won_count,
        counted.closed_count,
        {{ pct('counted.won_count', 'counted.closed_count') }} as conversion_to_won_pct,
        cast(coalesce(waits.finished_visit_count, 0) as bigint) as finished_visit_count,
        cast(waits.median_days_in_stage as numeric(24, 6)) as median_days_in_stage,
        cast(waits.p90_days_in_stage as numeric(24, 6)) as p90_days_in_stage,
        counted.open_count,
        counted.open_unvalued_count,
        counted.won_unvalued_count,
        {{ known_sum('counted.open_value', 'counted.open_count') }} as open_value,
        {{ known_sum('counted.won_value', 'counted.won_count') }} as won_value
    from counted
    left join waits
        on
            counted.grain = waits.grain
            and counted.cohort_month is not distinct from waits.cohort_month
            and counted.stage = waits.stage

)

select * from final
