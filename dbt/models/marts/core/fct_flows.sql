-- Grain: one row per account, product user and guided flow that was started.
{#
  A flow is finished when its final step (seeds/journey_steps.csv) is completed within
  flow_window_days of its start. It is judged once finished or once the window has closed.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

reach as (

    {{ reach_of(['onboarding']) }}

),

steps as (

    select
        stg_onboarding_steps.*,
        journey_steps.is_final
    from {{ ref('stg_onboarding_steps') }} as stg_onboarding_steps
    inner join as_of
        on stg_onboarding_steps.occurred_date <= as_of.as_of_date
    inner join {{ ref('journey_steps') }} as journey_steps
        on {{ columns_equal('stg_onboarding_steps', 'journey_steps', ['journey', 'step']) }}

),

starts as (

    select
        account_id,
        coalesce(product_user_id, 'Unknown') as product_user_id,
        journey,
        min(occurred_at) as started_at
    from steps
    where action = 'started'
    group by account_id, coalesce(product_user_id, 'Unknown'), journey

),

finishes as (

    select
        account_id,
        coalesce(product_user_id, 'Unknown') as product_user_id,
        journey,
        min(occurred_at) as finished_at
    from steps
    where
        action = 'completed'
        and is_final
    group by account_id, coalesce(product_user_id, 'Unknown'), journey

),

flows as (

    select
        starts.account_id,
        starts.product_user_id,
        starts.journey,
        starts.started_at,
        finishes.finished_at,
        coalesce(
            finishes.finished_at < starts.started_at + interval '{{ var("flow_window_days") }} day',
            false
        ) as is_finished,
        -- Closed, and known to its end: a finish that was not delivered yet is no abandonment.
        starts.started_at + interval '{{ var("flow_window_days") }} day' <= as_of.as_of_end_at
        and starts.started_at + interval '{{ var("flow_window_days") - 1 }} day' <= reach.last_date
            as is_window_closed
    from starts
    cross join as_of
    cross join reach
    left join finishes
        on {{ columns_equal('starts', 'finishes', ['account_id', 'product_user_id', 'journey']) }}

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['account_id', 'product_user_id', 'journey']) }}
            as flow_key,
        account_id,
        product_user_id,
        journey,
        started_at,
        cast(started_at as date) as started_date,
        finished_at,
        is_finished,
        is_finished or is_window_closed as is_judged,
        is_window_closed and not is_finished as is_abandoned
    from flows

)

select * from final
