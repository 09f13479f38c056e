-- Grain: one row per person and page that it visits far more than people do on average.
{# A device or mailbox that several people share is nobody, and is neither counted nor compared. #}
with as_of as (

    {{ known_as_of(['web_events']) }}

),

counted as (

    select
        events.person_id,
        {{ page_path('events.page_url') }} as page_path,
        count(*) as event_count
    from {{ ref('fct_web_events') }} as events
    inner join {{ ref('dim_person') }} as people
        on events.person_id = people.person_id
    cross join as_of
    where
        {{ days_between('events.event_date', 'as_of.as_of_date') }}
        < {{ var('interest_lookback_days') }}
        and events.event_date <= as_of.as_of_date
        and not people.is_shared_identifier
        and events.page_url is not null
    group by events.person_id, page_path

),

{{ interests('person_id', 'page_path') }}

select * from final
