-- Grain: one row per conversion: a deal won for the first time, a demo request on the web site.
{#
  Conversions for advertising platforms, as they stand on the as-of day. What of them has been sent is
  known to the ledger in ops alone (docs/audiences.md).
#}
{%- set max_age = var('signal_max_age_days') %}
with as_of as (select * from {{ ref('int_as_of') }}),

web_events as (select * from {{ ref('fct_web_events') }}),

changes as (

    select
        *,
        row_number() over (
            partition by deal_id order by change_number desc nulls last
        ) as newest_rank
    from {{ ref('int_deal_changes') }}

),

wins as (

    select
        *,
        row_number() over (
            partition by deal_id order by change_number nulls last
        ) as win_rank,
        row_number() over (
            partition by deal_id order by change_number desc nulls last
        ) as value_rank
    from changes
    where
        stage = 'Closed Won'
        and value_in_currency is not null

),

first_wins as (

    select
        *,
        row_number() over (
            partition by deal_id
            order by win_rank asc nulls last
        ) as paid_rank
    from wins
    where value_in_currency > 0

),

conversions as (

    select
        'closed_won' as conversion_type,
        first_wins.deal_id as order_id,
        first_wins.changed_at as event_at,
        contacts.person_id,
        current_values.value_in_currency as conversion_value,
        current_values.currency_code,
        newest.stage = 'Closed Won' and current_values.value_in_currency > 0 as stands,
        newest.changed_at as updated_at
    from first_wins
    inner join wins as current_values
        on
            first_wins.deal_id = current_values.deal_id
            and current_values.value_rank = 1
    inner join changes as newest
        on
            first_wins.deal_id = newest.deal_id
            and newest.newest_rank = 1
    left join {{ ref('int_identifier') }} as contacts
        on
            contacts.identifier_type = 'crm_contact_id'
            and first_wins.crm_contact_id = contacts.identifier_value
    where first_wins.paid_rank = 1

    union all

    select
        'demo_request' as conversion_type,
        event_id as order_id,
        event_at,
        person_id,
        cast(null as numeric(18, 6)) as conversion_value,
        cast(null as varchar(3)) as currency_code,
        true as stands,
        event_at as updated_at
    from web_events
    where event_type = 'demo_request'

),

-- The last advertisement that led the person to the site before the conversion.
clicks as (

    select
        conversions.conversion_type,
        conversions.order_id,
        web_events.google_click_id,
        web_events.google_click_id_type,
        web_events.event_at as clicked_at,
        row_number() over (
            partition by conversions.conversion_type, conversions.order_id
            order by web_events.event_at desc nulls last, web_events.event_id desc nulls last
        ) as click_rank
    from conversions
    inner join web_events
        on
            conversions.person_id = web_events.person_id
            and conversions.event_at >= web_events.event_at
    where web_events.google_click_id is not null

),

matches as (

    select distinct person_id from {{ ref('int_upload_hash') }}

),

joined as (

    select
        conversions.*,
        people.account_id,
        clicks.google_click_id,
        clicks.google_click_id_type,
        clicks.clicked_at,
        cast(
            clicks.clicked_at + interval '{{ var("click_max_age_days") }} day' as date
        ) as click_valid_to_date,
        {%- for platform in max_age %}
        cast(
            case conversions.conversion_type
                {%- for type, days in max_age[platform].items() %}
                when '{{ type }}' then conversions.event_at + interval '{{ days }} day'
                {%- endfor %}
            end as date
        ) as {{ platform }}_valid_to_date,
        {%- endfor %}
        coalesce(people.is_known, false) as is_known,
        coalesce(people.has_marketing_consent, false) as has_consent,
        matches.person_id is not null as has_hash
    from conversions
    left join {{ ref('dim_person') }} as people
        on conversions.person_id = people.person_id
    left join clicks
        on
            conversions.conversion_type = clicks.conversion_type
            and conversions.order_id = clicks.order_id
            and clicks.click_rank = 1
    left join matches
        on conversions.person_id = matches.person_id

),

final as (

    select
        concat_ws(':', joined.conversion_type, joined.order_id) as signal_id,
        joined.conversion_type,
        joined.order_id,
        joined.event_at,
        joined.person_id,
        joined.account_id,
        joined.conversion_value,
        joined.currency_code,
        joined.google_click_id,
        joined.google_click_id_type,
        joined.clicked_at,
        joined.click_valid_to_date,
        joined.updated_at,
        joined.google_valid_to_date,
        joined.meta_valid_to_date,
        case
            when not joined.stands then 'retracted'
            when not joined.is_known then 'person not known'
            when not joined.has_consent then 'no consent'
            when joined.currency_code = 'Unknown' then 'currency not known'
            when
                joined.google_valid_to_date < as_of.as_of_date
                and joined.meta_valid_to_date < as_of.as_of_date
                then 'too old'
            when
                not joined.has_hash
                and coalesce(joined.click_valid_to_date < as_of.as_of_date, true)
                then 'nothing to match'
            else 'ready'
        end as signal_status
    from joined
    cross join as_of

)

select * from final
