-- Grain: one row per contract and lifecycle event of it (subscription_id, event_at, status).
{#
  The one place that says when a contract is in force and what it is worth: at an instant t with
  in_force_from_at < t <= in_force_to_at. Value is converted at the rate of the contract's start, so
  that a moving currency is never expansion. See docs/decisions/0003.
#}
{%- set life = "partition by subscription_id order by event_at nulls last, status_order nulls last,"
    ~ " status nulls last" %}
with events as (

    select
        *,
        coalesce(started_at, event_at) as contract_started_at,
        case status when 'trial' then 1 when 'active' then 2 else 3 end as status_order
    from {{ ref('stg_subscription_events') }}

),

rates as (

    select * from {{ ref('int_exchange_rates') }}

),

ordered as (

    select
        *,
        coalesce(lead(event_at) over ({{ life }}), cast('9999-12-31' as timestamp)) as valid_to_at,
        count(*) filter (where status = 'trial')
            over ({{ life }} rows between unbounded preceding and current row) as trial_events,
        count(*) filter (where status = 'active')
            over ({{ life }} rows between unbounded preceding and current row) as active_events,
        -- A contract that ended without a date ended with the event.
        case
            when status in ('cancelled', 'expired') then coalesce(cancelled_at, event_at)
            else cancelled_at
        end as ended_at
    from events

),

valued as (

    select
        ordered.*,
        -- Whoever gives notice during a trial is on trial until the end.
        ordered.status = 'trial' or (
            ordered.status <> 'active'
            and ordered.trial_events > 0
            and ordered.active_events = 0
        ) as is_trial,
        cast(ordered.mrr_amount * rates.rate as numeric(18, 6)) as mrr
    from ordered
    left join rates
        on
            ordered.currency_code = rates.currency_code
            and cast(ordered.contract_started_at as date) >= rates.valid_from
            and cast(ordered.contract_started_at as date) < rates.valid_to

),

final as (

    select
        subscription_id,
        event_at,
        status,
        account_id,
        plan_name,
        plan_type,
        is_trial,
        not is_trial and coalesce(mrr > 0, false) as is_paying,
        mrr,
        contract_started_at as started_at,
        renews_at,
        ended_at,
        {{ greater_known('event_at', 'contract_started_at') }} as in_force_from_at,
        {{ lesser_known('valid_to_at', 'ended_at') }} as in_force_to_at
    from valued

)

select * from final
