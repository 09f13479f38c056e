-- Grain: one row per deal by the as-of day.
{#
  furthest_position: how far the deal has come, 1 for the first stage. A deal that skips a stage has
  passed it; one that is won has passed all; one that was won once and is no more has passed all
  stages that are open.
#}
with visits as (select * from {{ ref('fct_deal_stages') }}),

last_open as (

    select max(position) as stage_position from {{ ref('deal_stages') }}
    where stage_outcome = 'open'

),

contacts as (

    select
        contacts.*,
        identifiers.person_id
    from {{ ref('int_contact_current') }} as contacts
    left join {{ ref('int_identifier') }} as identifiers
        on
            identifiers.identifier_type = 'crm_contact_id'
            and contacts.crm_contact_id = identifiers.identifier_value

),

changes as (

    select
        deal_id,
        account_id,
        crm_contact_id,
        row_number() over (
            partition by deal_id order by change_number desc nulls last
        ) as changes_to_go
    from {{ ref('int_deal_changes') }}

),

owners as (

    select
        deal_id,
        account_id,
        crm_contact_id
    from changes
    where changes_to_go = 1

),

lives as (

    select
        visits.deal_id,
        min(visits.entered_at) as created_at,
        min(visits.entered_at) filter (where visits.stage_outcome = 'won') as first_won_at,
        max(visits.entered_at) filter (where visits.is_current) as stage_entered_at,
        max(visits.stage) filter (where visits.is_current) as stage,
        max(visits.stage_outcome) filter (where visits.is_current) as stage_outcome,
        max(visits.closing_value) filter (where visits.is_current) as deal_value,
        max(visits.opening_value) filter (where visits.visit_number = 1) as first_deal_value,
        -- Stages never entered and never passed do not count; every deal is in the first stage.
        coalesce(
            max(
                case visits.stage_outcome
                    when 'open' then visits.stage_position
                    when 'won' then last_open.stage_position
                end
            ),
            1
        ) as furthest_position,
        count(*) filter (where visits.movement = 'backward') as backward_count,
        count(*) filter (where visits.movement = 'skipped') as skipped_count,
        count(*) filter (where visits.movement = 'reopened') as reopened_count,
        sum(visits.change_count) as change_count,
        sum(visits.broken_change_count) as broken_change_count
    from visits
    cross join last_open
    group by visits.deal_id

),

final as (

    select
        lives.deal_id,
        coalesce(accounts.account_id, 'Unknown') as account_id,
        owners.crm_contact_id,
        contacts.person_id,
        coalesce(contacts.lead_source, 'Unknown') as lead_source,
        coalesce(contacts.lead_medium, 'Unknown') as lead_medium,
        coalesce(contacts.lead_campaign, 'Unknown') as lead_campaign,
        lives.created_at,
        cast(date_trunc('month', lives.created_at) as date) as created_month,
        lives.stage,
        lives.stage_outcome,
        lives.furthest_position
        + case when lives.stage_outcome = 'won' then 1 else 0 end as furthest_position,
        lives.stage_entered_at,
        case when lives.stage_outcome <> 'open' then lives.stage_entered_at end as closed_at,
        lives.first_won_at,
        cast(
            case
                when lives.stage_outcome = 'won'
                    then {{ seconds_between('lives.created_at', 'lives.stage_entered_at') }} / 86400
            end as numeric(18, 6)
        ) as cycle_days,
        cast(lives.deal_value as numeric(18, 6)) as deal_value,
        cast(lives.first_deal_value as numeric(18, 6)) as first_deal_value,
        cast(lives.backward_count as integer) as backward_count,
        cast(lives.skipped_count as integer) as skipped_count,
        cast(lives.reopened_count as integer) as reopened_count,
        cast(lives.change_count as integer) as change_count,
        cast(lives.broken_change_count as integer) as broken_change_count
    from lives
    inner join owners
        on lives.deal_id = owners.deal_id
    left join {{ ref('dim_account') }} as accounts
        on owners.account_id = accounts.account_id
    left join contacts
        on owners.crm_contact_id = contacts.crm_contact_id

)

select * from final
