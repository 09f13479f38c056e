-- Open stages are 1 to n, the one won stage is n + 1, lost stages come after it.
with counted as (

    select
        count(*) filter (where stage_outcome = 'open') as open_stages,
        count(*) filter (where stage_outcome = 'won') as won_stages,
        min(position) filter (where stage_outcome = 'open') as first_open,
        max(position) filter (where stage_outcome = 'open') as last_open,
        min(position) filter (where stage_outcome = 'won') as won_position,
        min(position) filter (where stage_outcome = 'lost') as first_lost
    from {{ ref('deal_stages') }}

)

select * from counted
where
    open_stages = 0
    or won_stages <> 1
    or first_open <> 1
    or last_open <> open_stages
    or won_position <> open_stages + 1
    or first_lost < won_position
