-- Grain: one row per feed with the first day it speaks of, not later than the as-of day.
with as_of as (select * from {{ ref('int_as_of') }}),

first_days as (

    {%- for feed, rows, day in [
        ('requests', ref('int_token_usage_daily'), 'usage_date'),
        ('revenue', ref('int_revenue_daily'), 'revenue_date'),
        ('tickets', ref('stg_tickets'), 'created_date'),
        ('incidents', ref('stg_incidents'), 'cast(started_at as date)'),
        ('accounts', ref('stg_account_changes'), 'signed_up_date'),
        ('surveys', ref('stg_survey_responses'), 'answered_date'),
        ('utilization', ref('stg_model_utilization'), 'observed_date'),
        ('product_events', ref('int_product_usage_daily'), 'usage_date'),
        ('onboarding', ref('stg_onboarding_steps'), 'occurred_date'),
    ] %}

    select
        '{{ feed }}' as feed,
        min({{ day }}) as first_date
    from {{ rows }}

    union all
    {%- endfor %}

    select
        'subscriptions' as feed,
        -- A contract recorded late speaks of the time from its start.
        min(
            cast(case when started_at < event_at then started_at else event_at end as date)
        ) as first_date
    from {{ ref('stg_subscription_events') }}

)

select
    first_days.feed,
    first_days.first_date
from first_days
inner join as_of
    on first_days.first_date <= as_of.as_of_date
