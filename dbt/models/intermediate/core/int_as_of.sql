-- Grain: one row, the day up to which the warehouse is built; none while bronze is empty.
{#
  A day is complete when something delivered after its end speaks of it: an event row loaded on a
  later day, or a revenue snapshot, which covers the days before its snapshot date. A row dated
  later than its own load cannot move the date.
#}
{%- set stated = setting('as_of_date') %}
{%- set asked_for = var('as_of_date') or env_var('O2R_AS_OF', '') or stated %}
{%- set requested_date = "'" ~ asked_for ~ "'" if asked_for else 'null' %}
with observed_days as (

    select
        usage_date as observed_date,
        newest_loaded_at as loaded_at
    from {{ ref('int_token_usage_daily') }}

    union all

    select
        cast(snapshot_date - interval '1 day' as date) as observed_date,
        loaded_at
    from {{ ref('int_revenue_daily') }}

    union all

    select
        created_date as observed_date,
        loaded_at
    from {{ ref('stg_tickets') }}

    union all

    select
        cast(started_at as date) as observed_date,
        loaded_at
    from {{ ref('stg_incidents') }}

    union all

    select
        cast(event_at as date) as observed_date,
        loaded_at
    from {{ ref('stg_subscription_events') }}

    union all

    select
        cast(changed_at as date) as observed_date,
        loaded_at
    from {{ ref('stg_account_changes') }}

    union all

    select
        usage_date as observed_date,
        newest_loaded_at as loaded_at
    from {{ ref('int_product_usage_daily') }}

),

newest_complete_day as (

    select max(observed_date) as observed_date
    from observed_days
    where {{ is_proven('observed_date', 'loaded_at') }}

),

final as (

    select
        coalesce(cast({{ requested_date }} as date), observed_date) as as_of_date
    from newest_complete_day

)

select
    as_of_date,
    -- First instant after the as-of day: everything before it is known.
    cast(as_of_date + interval '1 day' as timestamp) as as_of_end_at
from final
where as_of_date is not null
