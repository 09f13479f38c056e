-- Grain: one row per contract and event of its life known by the as-of day (subscription_id,
-- event_at).
{#
  The one place that says when a contract is in force and what it is worth: at an instant t with
  in_force_from_at < t <= in_force_to_at. Value is converted at the rate of the contract's start, so
  that a moving currency is never expansion. See decisions 3 and 19.
#}
with events as (

    select
        events.*,
        as_of.as_of_end_at as observed_at
    from {{ ref('stg_subscription_events') }} as events
    inner join {{ ref('int_as_of') }} as as_of
        on events.event_at < as_of.as_of_end_at

),

{{ contract_states('events') }}

select
    subscription_id,
    event_at,
    status,
    account_id,
    plan_name,
    plan_type,
    is_trial,
    is_paying,
    mrr,
    started_at,
    renews_at,
    ended_at,
    known_ended_at,
    in_force_from_at,
    in_force_to_at
from contract_states
