-- Grain: one row per cut-off (the end of a month), contract and event of its life before it.
{#
  int_contract_history as it would have been built at the cut-off: a start, price or end recorded
  later must not be in what a prediction for that day is made of.
#}
with events as (

    select
        events.*,
        cutoffs.observed_end_at as observed_at
    from {{ ref('stg_subscription_events') }} as events
    inner join {{ ref('int_period') }} as cutoffs
        on
            events.event_at < cutoffs.observed_end_at
            and cutoffs.grain = 'month'
            and cutoffs.is_complete

),

{{ contract_states('events') }}

select
    observed_at as cutoff_at,
    subscription_id,
    event_at,
    account_id,
    plan_name,
    plan_type,
    is_trial,
    is_paying,
    mrr,
    renews_at,
    ended_at,
    in_force_from_at,
    in_force_to_at
from contract_states
