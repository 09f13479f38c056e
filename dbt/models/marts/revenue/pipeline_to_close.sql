-- Grain: one row per open stage: of the seed, or seen on an open deal.
with deals as (select * from {{ ref('fct_deals') }}),

stages as (

    select
        {{ title_case('trim(stage)') }} as stage,
        position as stage_position
    from {{ ref('deal_stages') }}
    where stage_outcome = 'open'

),

-- A stage that the seed does not know is shown without a forecast; no deals are no pipeline.
open_stages as (

    select stage from stages
    where exists (select 1 from deals)

    union

    select stage from deals
    where stage_outcome = 'open'

),

open_deals as (

    select
        stage,
        count(*) as open_count,
        count(*) filter (where deal_value is null) as unvalued_count,
        sum(deal_value) as open_value
    from deals
    where stage_outcome = 'open'
    group by stage

),

history as (

    select
        stages.stage,
        count(*) as closed_count,
        count(*) filter (where deals.stage_outcome = 'won') as won_count
    from stages
    inner join deals
        on
            stages.stage_position <= deals.furthest_position
            and deals.stage_outcome <> 'open'
    group by stages.stage

),

waits as (

    select
        visits.deal_id,
        visits.stage,
        min(visits.entered_at) as entered_at
    from {{ ref('fct_deal_stages') }} as visits
    where visits.stage_outcome = 'open'
    group by visits.deal_id, visits.stage

),

remaining as (

    select
        waits.stage,
        cast(
            {{ percentile(0.5, seconds_between('waits.entered_at', 'deals.closed_at')) }}
            as numeric(18, 6)
        ) / 86400 as median_days_to_won
    from waits
    inner join deals
        on
            waits.deal_id = deals.deal_id
            and deals.stage_outcome = 'won'
            and waits.entered_at <= deals.closed_at
    group by waits.stage

),

rated as (

    select
        open_stages.stage,
        stages.stage_position,
        coalesce(open_deals.open_count, 0) as open_count,
        coalesce(open_deals.unvalued_count, 0) as unvalued_count,
        {{ known_sum('open_deals.open_value', 'open_deals.open_count') }} as open_value,
        coalesce(history.closed_count, 0) as closed_count,
        coalesce(history.won_count, 0) as won_count,
        case
            when history.closed_count >= {{ setting('pipeline_min_closed_deals') }}
                then {{ pct('history.won_count', 'history.closed_count') }}
        end as conversion_to_won_pct,
        remaining.median_days_to_won
    from open_stages
    left join stages
        on open_stages.stage = stages.stage
    left join open_deals
        on open_stages.stage = open_deals.stage
    left join history
        on open_stages.stage = history.stage
    left join remaining
        on open_stages.stage = remaining.stage

),

final as (

    select
        stage,
        stage_position,
        open_count,
        unvalued_count,
        open_value,
        closed_count,
        won_count,
        cast(conversion_to_won_pct as numeric(24, 6)) as conversion_to_won_pct,
        cast(
            case
                when conversion_to_won_pct is not null
                    then {{ ratio('open_value * won_count', 'closed_count') }}
            end as numeric(24, 6)
        ) as weighted_value,
        cast(median_days_to_won as numeric(24, 6)) as median_days_to_won
    from rated

)

select * from final
