-- Grain: one row per grain (week, month), period and kind of visitor with at least one.
{#
  A visitor is a browser, known by its cookie, and counts once per period, from its first such visit in
  it. It has signed up if it was named and its account signed up, both within the window: who it was
  may also become known later, but then the value would never be final. A visitor known to be of an
  account that had signed up before has nothing to convert to. No attribute of accounts is a dimension
  here: only those who signed up have any.
#}
{%- set signup_days = 30 %}
with periods as (

    {{ periods_of(['web_events', 'contacts', 'accounts']) }}

),

visits as (

    select
        'blog' as visitor_kind,
        visitor_key,
        person_id,
        event_date,
        named_at
    from {{ ref('fct_web_events') }}
    where regexp_like(page_url, '^([a-z]+://[^/]*)?/blog(/|$)')

    union all

    select
        'organic' as visitor_kind,
        visitor_key,
        person_id,
        event_date,
        named_at
    from {{ ref('fct_web_events') }}
    where {{ acquisition_channel('utm_source', 'utm_medium') }} = 'organic'

),

first_visits as (

    select
        visitor_kind,
        grain,
        period_start,
        visitor_key,
        person_id,
        min(event_date) as visited_date,
        min(named_at) as named_at
    from ({{ by_grain('visits', 'event_date') }}) as visits_of_periods
    -- Without any identifier nobody can say how many visitors there were.
    where visitor_key is not null
    group by visitor_kind, grain, period_start, visitor_key, person_id

),

named as (

    select
        first_visits.*,
        accounts.signed_up_date
    from first_visits
    inner join {{ ref('dim_person') }} as people
        on first_visits.person_id = people.person_id
    left join {{ ref('dim_account') }} as accounts
        on
            people.account_id = accounts.account_id
            and first_visits.named_at
            < first_visits.visited_date + interval '{{ signup_days }} day'

),

counted as (

    select
        visitor_kind,
        grain,
        period_start,
        count(*) as visitor_count,
        count(*) filter (
            where signed_up_date < visited_date + interval '{{ signup_days }} day'
        ) as signup_count
    from named
    where coalesce(signed_up_date >= visited_date, true)
    group by visitor_kind, grain, period_start

),

-- Without contacts no visitor has an account, which does not mean that none signed up.
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
        'all' as dimension,
        'all' as dimension_value,
        known.visitor_kind,
        periods.is_complete,
        cast(known.visitor_count as bigint) as visitor_count,
        cast(known.known_signup_count as bigint) as signup_count,
        {{ pct('known.known_signup_count', 'known.visitor_count') }} as signup_rate_pct
    from known
    inner join periods
        on {{ columns_equal('known', 'periods', ['grain', 'period_start']) }}

)

select * from final
