-- Grain: one row per account and cut-off, with its activity over the days before the cut-off.
{#
  A count is null where its feed was not observed over all of these days or does not reach the last.
  Web visits are left out: who a visitor is may have become known after the cut-off.
#}
{%- set days = var('prediction_activity_days') %}
with spine as (

    select
        account_id,
        cutoff_date,
        cutoff_at,
        cast(cutoff_date - interval '{{ days }} day' as date) as since_date
    from {{ ref('int_account_cutoff') }}

),

feeds as (

    select
        max(first_date) filter (where feed = 'requests') as requests_date,
        max(first_date) filter (where feed = 'product_events') as product_events_date,
        max(first_date) filter (where feed = 'tickets') as tickets_date
    from {{ ref('int_first_observed') }}

),

{%- for feed in ['requests', 'product_events', 'tickets'] %}
{{ feed }}_reach as (

    {{ reach_of([feed]) }}

),

{% endfor -%}
reaches as (

    select
        requests_reach.last_date as requests_date,
        product_events_reach.last_date as product_events_date,
        tickets_reach.last_date as tickets_date
    from requests_reach
    cross join product_events_reach
    cross join tickets_reach

),

-- Days of use beside the cut-offs, each the first of a month, that can look back on them.
{%- for name, rows, months in [
    ('usage_before', ref('int_token_usage_daily'), (2 * days + 27) // 28),
    ('product_usage_before', ref('int_product_usage_daily'), (days + 27) // 28),
] %}
{{ name }} as (

    {{ on_dates(
        rows, 'cutoff_date', "date_trunc('month', usage_date)", 'month', range(1, months + 1)
    ) }}

),

{% endfor -%}
requests as (

    select
        spine.account_id,
        spine.cutoff_date,
        count(distinct usage.usage_date) filter (where usage.usage_date >= spine.since_date)
            as active_days,
        sum(usage.request_count) filter (where usage.usage_date >= spine.since_date)
            as request_count,
        sum(usage.error_count) filter (where usage.usage_date >= spine.since_date) as error_count,
        sum(usage.request_count) filter (where usage.usage_date < spine.since_date)
            as request_count_before
    from spine
    inner join usage_before as usage
        on {{ columns_equal('spine', 'usage', ['account_id', 'cutoff_date']) }}
    where usage.usage_date >= spine.since_date - interval '{{ days }} day'
    group by spine.account_id, spine.cutoff_date

),

product_events as (

    select
        spine.account_id,
        spine.cutoff_date,
        sum(product_usage.event_count) filter (where product_usage.event_type = 'login')
            as login_count,
        sum(product_usage.event_count) filter (where product_usage.event_type = 'feature_used')
            as feature_use_count,
        count(distinct product_usage.feature_name) as feature_count
    from spine
    inner join product_usage_before as product_usage
        on {{ columns_equal('spine', 'product_usage', ['account_id', 'cutoff_date']) }}
    where product_usage.usage_date >= spine.since_date
    group by spine.account_id, spine.cutoff_date

),

-- A ticket resolved at the cut-off or later is open, as one that is not resolved yet.
tickets as (

    select
        spine.account_id,
        spine.cutoff_date,
        count(*) filter (where tickets.created_date >= spine.since_date) as ticket_count,
        count(*) filter (
            where tickets.resolved_at is null or tickets.resolved_at >= spine.cutoff_at
        ) as open_ticket_count
    from spine
    inner join {{ ref('stg_tickets') }} as tickets
        on
            spine.account_id = tickets.account_id
            and spine.cutoff_at > tickets.created_at
    group by spine.account_id, spine.cutoff_date

),

surveys as (

    select
        spine.account_id,
        spine.cutoff_date,
        {{ ratio(
            'sum(' ~ survey_score_100('surveys.survey_type', 'surveys.score') ~ ')', 'count(surveys.score)'
        ) }} as survey_score
    from spine
    inner join {{ ref('stg_survey_responses') }} as surveys
        on
            spine.account_id = surveys.account_id
            and spine.cutoff_at > surveys.answered_at
            and spine.since_date <= surveys.answered_date
    group by spine.account_id, spine.cutoff_date

),

cutoffs as (

    select distinct
        cutoff_date,
        cutoff_at
    from spine

),

contact_versions as (

    select
        cutoffs.cutoff_date,
        versions.crm_contact_id,
        versions.account_id,
        versions.lead_source,
        versions.created_at,
        row_number() over (
            partition by cutoffs.cutoff_date, versions.crm_contact_id
            order by versions.updated_at desc nulls last
        ) as version_rank
    from cutoffs
    inner join {{ ref('stg_contact_versions') }} as versions
        on cutoffs.cutoff_at > versions.updated_at

),

contacts as (

    select
        account_id,
        cutoff_date,
        lead_source,
        count(*) over (partition by account_id, cutoff_date) as contact_count,
        row_number() over (
            partition by account_id, cutoff_date
            order by created_at nulls last, crm_contact_id nulls last
        ) as contact_rank
    from contact_versions
    where
        version_rank = 1
        and account_id is not null

),

final as (

    select
        spine.account_id,
        spine.cutoff_date,
        {%- set has_requests = 'feeds.requests_date <= spine.since_date '
            ~ 'and spine.cutoff_date - interval \'1 day\' <= reaches.requests_date' %}
        {%- set has_product_events = 'feeds.product_events_date <= spine.since_date '
            ~ 'and spine.cutoff_date - interval \'1 day\' <= reaches.product_events_date' %}
        {%- set has_tickets = 'feeds.tickets_date <= spine.since_date '
            ~ 'and spine.cutoff_date - interval \'1 day\' <= reaches.tickets_date' %}
        {%- for count, is_observed in [
            ('requests.request_count', has_requests),
            ('requests.active_days', has_requests),
            ('product_events.login_count', has_product_events),
            ('product_events.feature_use_count', has_product_events),
            ('product_events.feature_count', has_product_events),
            ('tickets.ticket_count', has_tickets),
            ('tickets.open_ticket_count', has_tickets),
        ] %}
        cast(case when {{ is_observed }} then coalesce({{ count }}, 0) end as bigint)
            as {{ count.split('.')[1] }},
        {%- endfor %}
        cast(
            case
                when {{ has_requests }}
                    then {{ pct('requests.error_count', 'requests.request_count') }}
            end as numeric(24, 6)
        ) as error_rate_pct,
        cast(
            case
                when
                    feeds.requests_date <= spine.since_date - interval '{{ days }} day'
                    and spine.cutoff_date - interval '1 day' <= reaches.requests_date
                    then {{ pct(
                        'coalesce(requests.request_count, 0) - requests.request_count_before',
                        'requests.request_count_before'
                    ) }}
            end as numeric(24, 6)
        ) as request_change_pct,
        cast(surveys.survey_score as numeric(24, 6)) as survey_score,
        {{ unless_never_delivered('contacts.contact_count', '0', 'crm_contacts') }}
            as contact_count,
        coalesce(contacts.lead_source, 'Unknown') as lead_source
    from spine
    cross join feeds
    cross join reaches
    left join requests
        on {{ columns_equal('spine', 'requests', ['account_id', 'cutoff_date']) }}
    left join product_events
        on {{ columns_equal('spine', 'product_events', ['account_id', 'cutoff_date']) }}
    left join tickets
        on {{ columns_equal('spine', 'tickets', ['account_id', 'cutoff_date']) }}
    left join surveys
        on {{ columns_equal('spine', 'surveys', ['account_id', 'cutoff_date']) }}
    left join contacts
        on
            {{ columns_equal('spine', 'contacts', ['account_id', 'cutoff_date']) }}
            and contacts.contact_rank = 1

)

select * from final
