-- Grain: one row per feed with the first day it speaks of, not later than the as-of day.
with as_of as (

    select * from {{ ref('int_as_of') }}

),

first_days as (

    select
        'requests' as feed,
        min(usage_date) as first_date
    from {{ ref('int_token_usage_daily') }}

    union all

    select
        'revenue' as feed,
        min(revenue_date) as first_date
    from {{ ref('int_revenue_daily') }}

    union all

    select
        'tickets' as feed,
        min(created_date) as first_date
    from {{ ref('stg_tickets') }}

    union all

    select
        'incidents' as feed,
        min(cast(started_at as date)) as first_date
    from {{ ref('stg_incidents') }}

    union all

    select
        'subscriptions' as feed,
        -- A contract recorded late speaks of the time from its start.
        min(
            cast(case when started_at < event_at then started_at else event_at end as date)
        ) as first_date
    from {{ ref('stg_subscription_events') }}

    union all

    select
        'accounts' as feed,
        min(signed_up_date) as first_date
    from {{ ref('stg_account_changes') }}

    union all

    select
        'surveys' as feed,
        min(answered_date) as first_date
    from {{ ref('stg_survey_responses') }}

    union all

    select
        'utilization' as feed,
        min(observed_date) as first_date
    from {{ ref('stg_model_utilization') }}

    union all

    select
        'product_events' as feed,
        min(usage_date) as first_date
    from {{ ref('int_product_usage_daily') }}

    union all

    select
        'onboarding' as feed,
        min(occurred_date) as first_date
    from {{ ref('stg_onboarding_steps') }}

)

select
    first_days.feed,
    first_days.first_date
from first_days
inner join as_of
    on first_days.first_date <= as_of.as_of_date
