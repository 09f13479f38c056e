-- Grain: one row per change of a deal by the as-of day.
{#
  Changes at one instant are put in the order of the stages. Money is converted at the rate of the
  day on which the deal was created, so that a moving currency never changes a deal's value.
#}
{%- set life = "partition by deal_id order by changed_at nulls last, created_at nulls last,"
    ~ " stage_position nulls last, row_id nulls last" %}
with as_of as (

    select * from {{ ref('int_as_of') }}

),

stages as (

    select
        initcap(trim(stage)) as stage,
        position as stage_position,
        stage_outcome
    from {{ ref('deal_stages') }}

),

changes as (

    select
        changes.*,
        stages.stage_position,
        coalesce(stages.stage_outcome, 'open') as stage_outcome
    from {{ ref('stg_deal_stage_changes') }} as changes
    inner join as_of
        on changes.changed_at < as_of.as_of_end_at
    left join stages
        on changes.new_stage = stages.stage

),

ordered as (

    select
        *,
        row_number() over ({{ life }}) as change_number,
        lag(new_stage) over ({{ life }}) as previous_stage,
        min(changed_at) over (partition by deal_id) as deal_created_at
    from changes

),

rates as (

    select * from {{ ref('int_exchange_rates') }}

),

final as (

    select
        ordered.row_id,
        ordered.deal_id,
        ordered.account_id,
        ordered.crm_contact_id,
        ordered.changed_at,
        ordered.change_number,
        ordered.new_stage as stage,
        ordered.stage_position,
        ordered.stage_outcome,
        coalesce(ordered.previous_stage, '') <> ordered.new_stage as is_move,
        -- What the row says it left is not what the row before it entered.
        coalesce(ordered.old_stage, '') <> coalesce(ordered.previous_stage, '') as is_broken,
        cast(ordered.deal_value * rates.rate as numeric(18, 6)) as deal_value,
        ordered.deal_created_at
    from ordered
    left join rates
        on
            ordered.currency_code = rates.currency_code
            and cast(ordered.deal_created_at as date) >= rates.valid_from
            and cast(ordered.deal_created_at as date) < rates.valid_to

)

select * from final
