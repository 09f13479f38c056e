-- Grain: one row per paying contract in force at the end of the as-of day.
{#
  due: renews on due_date. A monthly contract renews by itself, so a stated date that has passed is
  moved on by months; without a stated date it is the next anniversary of the start.
  overdue: the stated date of a contract that is not monthly has passed, and no event says more; as
  long as the feed of contracts does not reach that date it is still due.
  ending: an end is named; due_date is that day.
  unknown: neither a date nor the rhythm is known.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

known as (

    {{ known_as_of(['subscriptions']) }}

),

contracts as (

    select
        contracts.*,
        as_of.as_of_date,
        known.as_of_date as known_to_date,
        cast(contracts.started_at as date) as started_date,
        cast(contracts.ended_at as date) as end_date,
        -- A renewal not after the start is no renewal.
        case
            when contracts.renews_at > contracts.started_at
                then cast(contracts.renews_at as date)
        end as stated_date,
        case contracts.plan_type when 'monthly' then 1 when 'annual' then 12 end as term_months
    from {{ ref('int_contract_history') }} as contracts
    inner join as_of
        on
            contracts.in_force_from_at < as_of.as_of_end_at
            and contracts.in_force_to_at >= as_of.as_of_end_at
    cross join known
    where contracts.is_paying

),

staged as (

    select
        *,
        coalesce(stated_date, started_date) as anchor_date,
        case
            when end_date is not null then 'ending'
            when stated_date > as_of_date then 'due'
            when stated_date is not null and (term_months is null or term_months > 1)
                then case when stated_date > known_to_date then 'due' else 'overdue' end
            when term_months is null then 'unknown'
            else 'due'
        end as renewal_status
    from contracts

),

-- Whole terms from the anchor, as calendar months, to the month of the as-of day.
counted as (

    select
        *,
        {{ months_between('anchor_date', 'as_of_date') }}
        - mod({{ months_between('anchor_date', 'as_of_date') }}, term_months) as elapsed_months
    from staged

),

dated as (

    select
        *,
        case
            when renewal_status = 'ending' then end_date
            when renewal_status = 'overdue' or stated_date > as_of_date then stated_date
            when stated_date > known_to_date and (term_months is null or term_months > 1)
                then stated_date
            when
                cast(anchor_date + elapsed_months * interval '1 month' as date) > as_of_date
                then cast(anchor_date + elapsed_months * interval '1 month' as date)
            else
                cast(anchor_date + (elapsed_months + term_months) * interval '1 month' as date)
        end as due_date
    from counted

),

final as (

    select
        dated.subscription_id,
        dated.account_id,
        accounts.account_name,
        accounts.owner_name,
        accounts.segment,
        accounts.plan_tier,
        accounts.home_region,
        dated.plan_name,
        dated.plan_type,
        dated.started_date,
        dated.renewal_status,
        case
            when dated.renewal_status = 'unknown' then 'unknown'
            when dated.renewal_status = 'ending' or dated.stated_date = dated.due_date then 'stated'
            else 'computed'
        end as due_date_basis,
        dated.due_date,
        cast(date_trunc('month', dated.due_date) as date) as due_month,
        cast(date_trunc('quarter', dated.due_date) as date) as due_quarter,
        {{ days_between('dated.as_of_date', 'dated.due_date') }} as days_until_due,
        dated.mrr,
        cast(12 * dated.mrr as numeric(24, 6)) as arr
    from dated
    left join {{ ref('dim_account') }} as accounts
        on dated.account_id = accounts.account_id

)

select * from final
