-- Grain: one row per source, medium and campaign of leads.
{#
  A contact has one source, that of its newest version, and a deal has that of its contact: each
  counts once, and the totals are all contacts and all deals.
#}
with contacts as (

    select
        lead_source,
        lead_medium,
        lead_campaign,
        count(*) as contact_count,
        count(distinct account_id) as account_count
    from {{ ref('int_contact_current') }}
    group by lead_source, lead_medium, lead_campaign

),

deals as (

    select
        lead_source,
        lead_medium,
        lead_campaign,
        count(*) as deal_count,
        count(*) filter (where stage_outcome = 'open') as open_count,
        count(*) filter (where stage_outcome = 'won') as won_count,
        count(*) filter (where stage_outcome = 'lost') as lost_count,
        count(*) filter (where stage_outcome = 'open' and deal_value is null)
            as open_unvalued_count,
        count(*) filter (where stage_outcome = 'won' and deal_value is null)
            as won_unvalued_count,
        sum(deal_value) filter (where stage_outcome = 'open') as open_value,
        sum(deal_value) filter (where stage_outcome = 'won') as won_value,
        {{ percentile(0.5, 'cycle_days') }} as median_cycle_days
    from {{ ref('fct_deals') }}
    group by lead_source, lead_medium, lead_campaign

),

sources as (

    select
        lead_source,
        lead_medium,
        lead_campaign
    from contacts

    union

    select
        lead_source,
        lead_medium,
        lead_campaign
    from deals

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'sources.lead_source', 'sources.lead_medium', 'sources.lead_campaign'
        ]) }} as lead_source_key,
        sources.lead_source,
        sources.lead_medium,
        sources.lead_campaign,
        {%- for name, table in {
            'contacts.contact_count': 'crm_contacts',
            'contacts.account_count': 'crm_contacts',
            'deals.deal_count': 'deal_stage_history',
            'deals.open_count': 'deal_stage_history',
            'deals.won_count': 'deal_stage_history',
            'deals.lost_count': 'deal_stage_history',
            'deals.open_unvalued_count': 'deal_stage_history',
            'deals.won_unvalued_count': 'deal_stage_history',
        }.items() %}
        cast({{ unless_never_delivered(name, '0', table) }} as bigint) as {{ name.split('.')[1] }},
        {%- endfor %}
        cast(
            case
                when {{ is_delivered('deal_stage_history') }}
                    then {{ known_sum('deals.open_value', 'deals.open_count') }}
            end as numeric(24, 6)
        ) as open_value,
        cast(
            case
                when {{ is_delivered('deal_stage_history') }}
                    then {{ known_sum('deals.won_value', 'deals.won_count') }}
            end as numeric(24, 6)
        ) as won_value,
        {{ pct('deals.won_count', 'deals.won_count + deals.lost_count') }} as win_rate_pct,
        cast(
            case
                when {{ is_delivered('deal_stage_history') }}
                    then {{ ratio(
                        known_sum('deals.won_value', 'deals.won_count'), 'contacts.contact_count'
                    ) }}
            end as numeric(24, 6)
        )
            as won_value_per_lead,
        cast(deals.median_cycle_days as numeric(24, 6)) as median_cycle_days
    from sources
    left join contacts
        on {{ columns_equal('sources', 'contacts', [
            'lead_source', 'lead_medium', 'lead_campaign',
        ]) }}
    left join deals
        on {{ columns_equal('sources', 'deals', ['lead_source', 'lead_medium', 'lead_campaign']) }}

)

select * from final
