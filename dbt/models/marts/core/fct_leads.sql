-- Grain: one row per contact of the CRM with a day of creation.
{#
  What became of a lead: a deal of its own, a first payment of its account. A lead is judged only where
  what would tell of it was delivered when it was created. An account that paid before has nothing to
  convert to.
#}
{%- set qualification_days = 30 %}
{%- set payment_days = 90 %}
with as_of as (select * from {{ ref('int_as_of') }}),

observed as (

    select
        min(first_date) filter (where bronze_table = 'deal_stage_history') as deals_date,
        min(first_date) filter (where bronze_table = 'subscriptions') as contracts_date
    from {{ ref('int_source_delivered') }}

),

contacts as (

    select
        contacts.crm_contact_id,
        coalesce(accounts.account_id, 'Unknown') as account_id,
        contacts.lead_source,
        contacts.lead_medium,
        contacts.lead_campaign,
        {{ acquisition_channel('contacts.lead_source', 'contacts.lead_medium') }} as channel,
        contacts.created_at,
        cast(contacts.created_at as date) as created_date
    from {{ ref('int_contact_current') }} as contacts
    inner join as_of
        on contacts.created_at < as_of.as_of_end_at
    left join {{ ref('dim_account') }} as accounts
        on contacts.account_id = accounts.account_id

),

-- A deal that enters a later stage has passed the first one, Qualification.
qualified as (

    select
        contacts.crm_contact_id,
        min(visits.entered_at) as qualified_at
    from contacts
    inner join {{ ref('fct_deals') }} as deals
        on contacts.crm_contact_id = deals.crm_contact_id
    inner join {{ ref('fct_deal_stages') }} as visits
        on
            deals.deal_id = visits.deal_id
            and contacts.created_date <= cast(visits.entered_at as date)
    where
        visits.stage_outcome in ('open', 'won')
        and visits.stage_position is not null
    group by contacts.crm_contact_id

),

final as (

    select
        contacts.crm_contact_id,
        contacts.account_id,
        contacts.lead_source,
        contacts.lead_medium,
        contacts.lead_campaign,
        contacts.channel,
        contacts.created_at,
        contacts.created_date,
        qualified.qualified_at,
        payments.first_paid_at as account_paid_at,
        case
            when contacts.created_date >= observed.deals_date
                then coalesce(
                    cast(qualified.qualified_at as date)
                    < cast(contacts.created_date + interval '{{ qualification_days }} day' as date),
                    false
                )
        end as is_qualified,
        case
            when
                contacts.created_date >= observed.contracts_date
                and coalesce(payments.first_paid_date >= contacts.created_date, true)
                then coalesce(
                    payments.first_paid_date
                    < cast(contacts.created_date + interval '{{ payment_days }} day' as date),
                    false
                )
        end as is_converted
    from contacts
    cross join observed
    left join qualified
        on contacts.crm_contact_id = qualified.crm_contact_id
    left join {{ ref('int_account_first_payment') }} as payments
        on contacts.account_id = payments.account_id

)

select * from final
