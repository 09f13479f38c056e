-- Grain: one row per grain (week, month), period of delivery and campaign (dimension campaign), and
-- all campaigns together (all).
{#
  A recipient counts once per campaign, from the first delivery. It is the contact that the tool names,
  else the address, and has signed up if it was known whose address it is, and its account signed up,
  both within the window. One known to be of an account that had signed up before has nothing to
  convert to. No attribute of accounts is a dimension here: only those who signed up have any.
#}
{%- set signup_days = 30 %}
with periods as (

    {{ periods_of(['email_events', 'contacts', 'accounts']) }}

),

as_of as (select * from {{ ref('int_as_of') }}),

events as (

    select
        events.*,
        coalesce(events.crm_contact_id, events.hem) as recipient
    from {{ ref('stg_email_events') }} as events
    inner join as_of
        on events.event_at < as_of.as_of_end_at

),

campaigns as (

    select
        campaigns.campaign_id,
        campaigns.campaign_name,
        row_number() over (
            partition by campaigns.campaign_id order by campaigns.updated_at desc nulls last
        ) as version_rank
    from {{ ref('stg_campaigns') }} as campaigns
    inner join as_of
        on campaigns.updated_at < as_of.as_of_end_at

),

deliveries as (

    select
        campaign_id,
        recipient,
        max(crm_contact_id) as crm_contact_id,
        max(hem) as hem,
        min(event_date) filter (where event_type = 'delivered') as delivered_date,
        bool_or(event_type = 'opened') as is_opened,
        bool_or(event_type = 'clicked') as is_clicked,
        bool_or(event_type = 'unsubscribed') as is_unsubscribed
    from events
    where recipient is not null
    group by campaign_id, recipient

),

-- Whose it is counts from the day on which a source first named the contact or the address.
recipients as (

    select
        deliveries.*,
        coalesce(contact_people.account_id, people.account_id) as account_id,
        {{ lesser_known('contacts.first_seen_at', 'emails.first_seen_at') }} as known_at
    from deliveries
    left join {{ ref('int_identifier') }} as contacts
        on
            contacts.identifier_type = 'crm_contact_id'
            and deliveries.crm_contact_id = contacts.identifier_value
    left join {{ ref('dim_person') }} as contact_people
        on contacts.person_id = contact_people.person_id
    left join {{ ref('int_identifier') }} as emails
        on
            emails.identifier_type = 'email'
            and deliveries.hem = emails.identifier_value
            and not emails.is_shared
    left join {{ ref('dim_person') }} as people
        on emails.person_id = people.person_id
    where deliveries.delivered_date is not null

),

judged as (

    select
        recipients.*,
        case
            when campaigns.campaign_name <> 'Unknown' then campaigns.campaign_name
            else recipients.campaign_id
        end as campaign_name,
        accounts.signed_up_date
    from recipients
    left join campaigns
        on
            recipients.campaign_id = campaigns.campaign_id
            and campaigns.version_rank = 1
    left join {{ ref('dim_account') }} as accounts
        on
            recipients.account_id = accounts.account_id
            and recipients.known_at
            < recipients.delivered_date + interval '{{ signup_days }} day'

),

spread as (

    {%- for dimension, value in {'all': "'all'", 'campaign': 'campaign_name'}.items() %}
    select
        judged.*,
        '{{ dimension }}' as dimension,
        {{ value }} as dimension_value,
        coalesce(judged.signed_up_date >= judged.delivered_date, true) as is_prospect
    from judged
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}

),

counted as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        count(*) as delivered_count,
        count(*) filter (where is_opened) as opened_count,
        count(*) filter (where is_clicked) as clicked_count,
        count(*) filter (where is_unsubscribed) as unsubscribed_count,
        count(*) filter (where is_prospect) as prospect_count,
        count(*) filter (
            where
            is_prospect
            and signed_up_date < delivered_date + interval '{{ signup_days }} day'
        ) as signup_count
    from ({{ by_grain('spread', 'delivered_date') }}) as recipients_of_periods
    group by grain, period_start, dimension, dimension_value

),

-- Without contacts no address is anybody's, which does not mean that nobody signed up.
known as (

    select
        counted.*,
        case
            when {{ is_delivered('crm_contacts') }} and {{ is_delivered('customer_details') }}
                then counted.signup_count
        end as known_signup_count
    from counted

),

final as (

    select
        periods.grain,
        periods.period_start,
        known.dimension,
        known.dimension_value,
        periods.is_complete,
        cast(known.delivered_count as bigint) as delivered_count,
        cast(known.opened_count as bigint) as opened_count,
        cast(known.clicked_count as bigint) as clicked_count,
        cast(known.unsubscribed_count as bigint) as unsubscribed_count,
        cast(known.prospect_count as bigint) as prospect_count,
        cast(known.known_signup_count as bigint) as signup_count,
        {{ pct('known.known_signup_count', 'known.prospect_count') }} as conversion_rate_pct
    from known
    inner join periods
        on {{ columns_equal('known', 'periods', ['grain', 'period_start']) }}

)

select * from final
