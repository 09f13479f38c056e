-- Grain: one row per change of a deal by the as-of day.
{#
  Changes at one instant are put in the order of the stages. A row tells a change: what it leaves
  blank is as it was before. Money is converted at the rate of the day on which the deal was created,
  so that a moving currency never changes a deal's value.
#}
{%- set carried = ['account_id', 'crm_contact_id', 'told_value', 'told_currency'] %}
{%- set life = "partition by deal_id order by changed_at nulls last, created_at nulls last,"
    ~ " stage_position nulls last, row_id nulls last" %}
with as_of as (select * from {{ ref('int_as_of') }}),

stages as (

    select
        {{ title_case('trim(stage)') }} as stage,
        position as stage_position,
        stage_outcome
    from {{ ref('deal_stages') }}

),

changes as (

    select
        changes.*,
        changes.deal_value as told_value,
        nullif(changes.currency_code, 'Unknown') as told_currency,
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

told as (

    select
        *,
        {{ told_so_far(carried, 'deal_id', 'change_number') }}
    from ordered

),

known as (

    select
        row_id,
        deal_id,
        {%- for column in carried %}
        {{ last_told(column, 'deal_id', 'change_number') }} as {{ column }},
        {%- endfor %}
        changed_at,
        change_number,
        new_stage,
        stage_position,
        stage_outcome,
        old_stage,
        previous_stage,
        deal_created_at
    from told

),

rates as (

    {{ rates_of_days('known', 'cast(deal_created_at as date)', 'told_currency') }}

),

final as (

    select
        known.row_id,
        known.deal_id,
        known.account_id,
        known.crm_contact_id,
        known.changed_at,
        known.change_number,
        known.new_stage as stage,
        known.stage_position,
        known.stage_outcome,
        coalesce(known.previous_stage, '') <> known.new_stage as is_move,
        -- What the row says it left is not what the row before it entered.
        coalesce(known.old_stage, '') <> coalesce(known.previous_stage, '') as is_broken,
        cast(known.told_value * rates.rate as numeric(18, 6)) as deal_value,
        cast(known.told_value as numeric(18, 6)) as value_in_currency,
        coalesce(known.told_currency, 'Unknown') as currency_code,
        known.deal_created_at
    from known
    left join rates
        on
            known.told_currency = rates.currency_code
            and cast(known.deal_created_at as date) = rates.rate_date

)

select * from final
