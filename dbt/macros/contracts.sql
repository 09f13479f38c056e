{#-
  States of contracts as they are known at an instant: from when to when each is in force and what it
  is worth. One row per row of `events`.
  events: CTE with the columns of stg_subscription_events and observed_at, the instant at which they
      are looked at; it holds only events before that. Several instants may stand side by side.

  What the source states counts, from the instant it states; event_at, at which the source recorded
  it, only says which row is newer. A life of a contract ends with cancelled or expired; trial or
  active after that begins another. Decisions 3 and 19 say why.
-#}
{% macro contract_states(events) -%}
{%- set contract = "observed_at, subscription_id" -%}
{%- set in_order = "partition by " ~ contract ~ " order by event_at nulls last" -%}
{%- set in_life = "partition by " ~ contract ~ ", life order by event_at nulls last" -%}
{%- set newest_first = "partition by " ~ contract ~ ", life order by event_at desc nulls last" -%}
{%- set terms = ['status', 'plan_name', 'plan_type', 'mrr_amount', 'currency_code', 'renews_at'] -%}
placed as (

    select
        *,
        status in ('cancelled', 'expired') as is_end,
        coalesce(started_at, min(event_at) over (partition by {{ contract }})) as stated_start_at
    from {{ events }}

),

compared as (

    select
        *,
        lag(event_at) over ({{ in_order }}) is null as is_first,
        coalesce(not is_end and lag(is_end) over ({{ in_order }}), false) as is_return,
        lag(started_at) over ({{ in_order }}) is null as is_start_news,
        lag(stated_start_at) over ({{ in_order }}) as previous_start_at,
        {%- for term in terms %}
        lag({{ term }}) over ({{ in_order }}) as previous_{{ term }},
        {%- endfor %}
        count(*) filter (where status = 'trial') over ({{ in_order }}) as trial_events,
        count(*) filter (where status = 'active') over ({{ in_order }}) as active_events
    from placed

),

-- A start other than the one before it that is not just the day of the event: of new terms their
-- own start, else a correction of the contract's.
read as (

    select
        *,
        sum(case when is_return then 1 else 0 end) over ({{ in_order }}) as life,
        coalesce(
            cast(stated_start_at as date) <> cast(previous_start_at as date)
            and cast(stated_start_at as date) <> cast(event_at as date),
            false
        ) as has_own_start,
        coalesce(
            not is_return
            and (
                is_end
                or is_start_news
                or event_at <= previous_start_at
                or not (
                    {%- for term in terms %}
                    {{ 'or ' if not loop.first }}{{ term }} is distinct from previous_{{ term }}
                    {%- endfor %}
                )
            ),
            false
        ) as speaks_of_contract
    from compared

),

-- An end that is not told again stays as it was; a row that is no end and names none says that none
-- is known.
ended as (

    select
        *,
        has_own_start and speaks_of_contract as is_start_correction,
        count(*) filter (where not is_end or cancelled_at is not null) over ({{ in_life }})
            as end_number,
        min(event_at) filter (where is_end) over (partition by {{ contract }}, life)
            as life_end_event_at
    from read

),

known as (

    select
        *,
        coalesce(
            first_value(cancelled_at) over (
                partition by {{ contract }}, life, end_number order by event_at nulls last
            ),
            case when is_end then life_end_event_at end
        ) as known_ended_at,
        first_value(case when is_start_correction then stated_start_at end) over (
            partition by {{ contract }}, life
            order by is_start_correction desc nulls last, event_at desc nulls last
        ) as corrected_start_at,
        first_value(stated_start_at) over ({{ in_life }}) as life_stated_start_at,
        first_value(
            case
                when is_first or has_own_start then stated_start_at
                else {{ greater('event_at', 'stated_start_at') }}
            end
        ) over ({{ in_life }}) as life_told_from_at
    from ended

),

begun as (

    select
        *,
        first_value(known_ended_at) over ({{ newest_first }}) as ended_at,
        coalesce(corrected_start_at, life_stated_start_at) as contract_started_at,
        coalesce(corrected_start_at, life_told_from_at) as life_from_at,
        row_number() over ({{ in_life }}) = 1 as is_life_start
    from known

),

dated as (

    select
        *,
        case
            when is_life_start then life_from_at
            when not has_own_start or is_start_correction
                then {{ greater('event_at', 'life_from_at') }}
            when corrected_start_at > stated_start_at then corrected_start_at
            else stated_start_at
        end as in_force_from_at
    from begun

),

rates as (

    {{ rates_of_days('dated', 'cast(contract_started_at as date)') }}

),

valued as (

    select
        dated.*,
        coalesce(
            min(dated.in_force_from_at) over (
                partition by {{ contract }}
                order by dated.event_at nulls last
                rows between 1 following and unbounded following
            ),
            cast('9999-12-31' as timestamp)
        ) as replaced_at,
        -- Whoever gives notice during a trial is on trial until the end.
        dated.status = 'trial' or (
            dated.is_end and dated.trial_events > 0 and dated.active_events = 0
        ) as is_trial,
        cast(dated.mrr_amount * rates.rate as numeric(18, 6)) as mrr
    from dated
    left join rates
        on
            dated.currency_code = rates.currency_code
            and cast(dated.contract_started_at as date) = rates.rate_date

),

contract_states as (

    select
        observed_at,
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
        known_ended_at,
        in_force_from_at,
        {{ lesser('replaced_at', 'coalesce(ended_at, replaced_at)') }} as in_force_to_at
    from valued

)
{%- endmacro %}
