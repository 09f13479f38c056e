-- Every deal of bronze by the as-of day is in the funnel, the outcomes, the pipeline and the lead
-- sources once, and so is its money.
with changes as (

    select distinct changes.deal_id
    from {{ ref('stg_deal_stage_changes') }} as changes
    inner join {{ ref('int_as_of') }} as as_of
        on changes.changed_at < as_of.as_of_end_at

),

wanted as (

    select
        (select count(*) from changes) as deal_count,
        count(*) as fact_count,
        count(*) filter (where stage_outcome = 'open') as open_count,
        count(*) filter (where stage_outcome <> 'open') as closed_count,
        coalesce(sum(deal_value) filter (where stage_outcome = 'open'), 0) as open_value,
        coalesce(sum(deal_value) filter (where stage_outcome = 'won'), 0) as won_value
    from {{ ref('fct_deals') }}

),

funnel as (

    select
        coalesce(sum(reached_count) filter (where grain = 'all'), 0) as all_count,
        coalesce(sum(reached_count) filter (where grain = 'month'), 0) as month_count
    from {{ ref('deal_funnel') }}
    where stage_position = 1

),

outcomes as (

    select
        coalesce(sum(created_count), 0) as created_count,
        coalesce(sum(won_count + lost_count), 0) as closed_count,
        coalesce(sum(won_value), 0) as won_value
    from {{ ref('deal_outcomes_monthly') }}

),

pipeline as (

    select
        coalesce(sum(open_count), 0) as open_count,
        coalesce(sum(open_value), 0) as open_value
    from {{ ref('pipeline_to_close') }}

),

sources as (

    select
        coalesce(sum(deal_count), 0) as deal_count,
        coalesce(sum(open_value), 0) as open_value,
        coalesce(sum(won_value), 0) as won_value
    from {{ ref('lead_sources') }}

)

select wanted.*
from wanted
cross join funnel
cross join outcomes
cross join pipeline
cross join sources
where
    wanted.fact_count <> wanted.deal_count
    or funnel.all_count <> wanted.deal_count
    or funnel.month_count <> wanted.deal_count
    or outcomes.created_count <> wanted.deal_count
    or outcomes.closed_count <> wanted.closed_count
    or outcomes.won_value <> wanted.won_value
    or pipeline.open_count <> wanted.open_count
    or pipeline.open_value <> wanted.open_value
    or sources.deal_count <> wanted.deal_count
    or sources.open_value <> wanted.open_value
    or sources.won_value <> wanted.won_value
