-- Grain: one row per paying contract and day of the health history on whose end it is in force.
{#
  due: renews on due_date. A monthly contract renews by itself, so a stated date that has passed is
  moved on by months; without a stated date it is the next anniversary of the start.
  overdue: the stated date of a contract that is not monthly has passed, and no event says more; as
  long as the feed of contracts does not reach that date it is still due.
  ending: an end is named, as it was known by then; due_date is that day.
  unknown: neither a date nor the rhythm is known.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

reach as (

    {{ reach_of(['subscriptions']) }}

),

days as (

    select
        days.date_day as day_date,
        cast(days.date_day + interval '1 day' as timestamp) as day_end_at,
        {{ lesser('days.date_day', 'reach.last_date') }} as known_to_date
    from {{ ref('int_day') }} as days
    inner join as_of
        on
            days.date_day <= as_of.as_of_date
            and days.date_day
            > as_of.as_of_date - {{ var('health_history_days') }} * interval '1 day'
    cross join reach

),

contracts as (

    select
        contracts.*,
        days.day_date,
        days.known_to_date,
        cast(contracts.started_at as date) as started_date,
        cast(contracts.known_ended_at as date) as end_date,
        -- A renewal not after the start is no renewal.
        case
            when contracts.renews_at > contracts.started_at
                then cast(contracts.renews_at as date)
        end as stated_date,
        case contracts.plan_type when 'monthly' then 1 when 'annual' then 12 end as term_months
    from {{ ref('int_contract_history') }} as contracts
    inner join days
        on
            contracts.in_force_from_at < days.day_end_at
            and contracts.in_force_to_at >= days.day_end_at
    where contracts.is_paying

),

staged as (

    select
        *,
        coalesce(stated_date, started_date) as anchor_date,
        case
            when end_date is not null then 'ending'
            when stated_date > day_date then 'due'
            when stated_date is not null and (term_months is null or term_months > 1)
                then case when stated_date > known_to_date then 'due' else 'overdue' end
            when term_months is null then 'unknown'
            else 'due'
        end as renewal_status
    from contracts

),

-- Whole terms from the anchor, as calendar months, to the month of the day.
counted as (

    select
        *,
        {{ months_between('anchor_date', 'day_date') }}
        - mod({{ months_between('anchor_date', 'day_date') }}, term_months) as elapsed_months
    from staged

),

dated as (

    select
        *,
        case
            when renewal_status = 'ending' then end_date
            when renewal_status = 'overdue' or stated_date > day_date then stated_date
            when stated_date > known_to_date and (term_months is null or term_months > 1)
                then stated_date
            when
                cast(anchor_date + elapsed_months * interval '1 month' as date) > day_date
                then cast(anchor_date + elapsed_months * interval '1 month' as date)
            else
                cast(anchor_date + (elapsed_months + term_months) * interval '1 month' as date)
        end as due_date
    from counted

),

final as (

    select
        subscription_id,
        day_date,
        account_id,
        plan_name,
        plan_type,
        mrr,
        started_date,
        renewal_status,
        due_date,
        case
            when renewal_status = 'unknown' then 'unknown'
            when renewal_status = 'ending' or stated_date = due_date then 'stated'
            else 'computed'
        end as due_date_basis,
        {{ days_between('day_date', 'due_date') }} as days_until_due
    from dated

)

select * from final
