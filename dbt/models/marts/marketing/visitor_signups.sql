-- Grain: one row per grain (week, month), period and kind of visitor with at least one.
{#
  A visitor is a person as identities are known (fct_web_events): all that an anonymous cookie did counts
  once it is known whose it was, and who never says so has signed up nowhere. Each visitor counts once
  per period, from the first such visit in it; one whose account had signed up before has nothing to
  convert to. No attribute of accounts is a dimension here: only those who signed up have any.
#}
{%- set signup_days = 30 %}
with periods as (

    {{ periods_of(['web_events', 'accounts']) }}

),

visits as (

    select
        'blog' as visitor_kind,
        person_id,
        event_date
    from {{ ref('fct_web_events') }}
    where
        person_id is not null
        and regexp_like(page_url, '^([a-z]+://[^/]*)?/blog(/|$)')

    union all

    select
        'organic' as visitor_kind,
        person_id,
        event_date
    from {{ ref('fct_web_events') }}
    where
        person_id is not null
        and {{ acquisition_channel('utm_source', 'utm_medium') }} = 'organic'

),

first_visits as (

    select
        visitor_kind,
        grain,
        period_start,
        person_id,
        min(event_date) as visited_date
    from ({{ by_grain('visits', 'event_date') }}) as visits_of_periods
    group by visitor_kind, grain, period_start, person_id

),

visitors as (

    select
        first_visits.visitor_kind,
        first_visits.grain,
        first_visits.period_start,
        coalesce(
            accounts.signed_up_date
            < cast(first_visits.visited_date + interval '{{ signup_days }} day' as date),
            false
        ) as has_signed_up
    from first_visits
    inner join {{ ref('dim_person') }} as people
        on first_visits.person_id = people.person_id
    left join {{ ref('dim_account') }} as accounts
        on people.account_id = accounts.account_id
    where coalesce(accounts.signed_up_date >= first_visits.visited_date, true)

),

final as (

    select
        periods.grain,
        periods.period_start,
        'all' as dimension,
        'all' as dimension_value,
        visitors.visitor_kind,
        periods.is_complete,
        cast(count(*) as bigint) as visitor_count,
        cast(
            {{ unless_never_delivered(
                'count(*) filter (where visitors.has_signed_up)', '0', 'customer_details'
            ) }} as bigint
        ) as signup_count,
        {{ pct('count(*) filter (where visitors.has_signed_up)', 'count(*)') }} as signup_rate_pct
    from visitors
    inner join periods
        on {{ columns_equal('visitors', 'periods', ['grain', 'period_start']) }}
    group by
        periods.grain, periods.period_start, visitors.visitor_kind, periods.is_complete

)

select * from final
