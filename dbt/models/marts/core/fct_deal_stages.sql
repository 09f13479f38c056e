-- Grain: one row per deal and visit to a stage; changes of the value alone stay in the visit.
with known as (

    {{ known_as_of(['deals']) }}

),

changes as (

    select
        *,
        sum(case when is_move then 1 else 0 end) over (
            partition by deal_id order by change_number nulls last
            rows between unbounded preceding and current row
        ) as visit_number,
        row_number() over (
            partition by deal_id order by change_number desc nulls last
        ) as changes_to_go
    from {{ ref('int_deal_changes') }}

),

valued as (

    select
        *,
        first_value(deal_value) over (
            partition by deal_id, visit_number order by change_number nulls last
        ) as opening_value,
        first_value(deal_value) over (
            partition by deal_id, visit_number order by change_number desc nulls last
        ) as closing_value
    from changes

),

visits as (

    select
        deal_id,
        visit_number,
        stage,
        stage_position,
        stage_outcome,
        opening_value,
        closing_value,
        min(changed_at) as entered_at,
        count(*) as change_count,
        count(*) filter (where is_broken) as broken_change_count
    from valued
    group by
        deal_id, visit_number, stage, stage_position, stage_outcome, opening_value, closing_value

),

neighbours as (

    select
        *,
        lead(entered_at) over (
            partition by deal_id order by visit_number nulls last
        ) as left_at,
        lag(stage_position) over (
            partition by deal_id order by visit_number nulls last
        ) as previous_position,
        lag(stage_outcome) over (
            partition by deal_id order by visit_number nulls last
        ) as previous_outcome
    from visits

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['neighbours.deal_id', 'neighbours.visit_number']) }}
            as deal_stage_key,
        neighbours.deal_id,
        cast(neighbours.visit_number as integer) as visit_number,
        neighbours.stage,
        neighbours.stage_position,
        neighbours.stage_outcome,
        case
            when neighbours.visit_number = 1 then 'created'
            when neighbours.previous_outcome <> 'open' then 'reopened'
            when neighbours.stage_outcome = 'lost' then 'lost'
            when neighbours.stage_position is null or neighbours.previous_position is null
                then 'Unknown'
            when neighbours.stage_position < neighbours.previous_position then 'backward'
            when neighbours.stage_position > neighbours.previous_position + 1 then 'skipped'
            else 'forward'
        end as movement,
        neighbours.entered_at,
        neighbours.left_at,
        neighbours.left_at is null as is_current,
        -- A deal that is closed waits for nothing; how long one waits is known as far as its feed.
        cast(
            case
                when neighbours.left_at is not null or neighbours.stage_outcome = 'open'
                    then {{ seconds_between(
                        'neighbours.entered_at',
                        'coalesce(neighbours.left_at, '
                        ~ greater('known.as_of_end_at', 'neighbours.entered_at') ~ ')'
                    ) }} / 86400
            end as numeric(18, 6)
        ) as days_in_stage,
        cast(neighbours.opening_value as numeric(18, 6)) as opening_value,
        cast(neighbours.closing_value as numeric(18, 6)) as closing_value,
        cast(neighbours.change_count as integer) as change_count,
        cast(neighbours.broken_change_count as integer) as broken_change_count
    from neighbours
    cross join known

)

select * from final
