-- Grain: one row per account and day of the health history and of what its windows look back on.
{#
  status is that of account_lifecycle, day by day: active or suspended while the account is in force,
  null while it is not (on trial, gone, or not yet there), or nothing tells.
#}
{%- set comparison_days, window_days = 30, 90 %}
with as_of as (select * from {{ ref('int_as_of') }}),

days as (

    select
        days.date_day as day_date,
        cast(days.date_day + interval '1 day' as timestamp) as day_end_at,
        days.date_day
        > as_of.as_of_date - {{ var('health_history_days') }} * interval '1 day' as is_history,
        days.date_day > as_of.as_of_date
        - {{ var('health_history_days') + comparison_days }} * interval '1 day' as is_scored
    from {{ ref('int_day') }} as days
    inner join as_of
        on
            days.date_day <= as_of.as_of_date
            and days.date_day > as_of.as_of_date
            - {{ var('health_history_days') + comparison_days + window_days }} * interval '1 day'

),

history as (select * from {{ ref('int_account_history') }}),

contracts as (

    select * from {{ ref('int_contract_history') }}
    where in_force_from_at < in_force_to_at

),

first_contracts as (

    select
        account_id,
        min(in_force_from_at) filter (where is_paying) as first_paying_at,
        min(in_force_from_at) filter (where is_trial) as first_trial_at
    from contracts
    group by account_id

),

signups as (

    select
        account_id,
        signed_up_date
    from history
    where is_current

),

accounts as (

    select
        coalesce(signups.account_id, first_contracts.account_id) as account_id,
        signups.signed_up_date,
        first_contracts.first_paying_at,
        first_contracts.first_trial_at
    from signups
    full outer join first_contracts
        on signups.account_id = first_contracts.account_id

),

in_force as (

    select
        contracts.account_id,
        days.day_date,
        sum(contracts.mrr) as mrr
    from contracts
    inner join days
        on
            contracts.in_force_from_at < days.day_end_at
            and contracts.in_force_to_at >= days.day_end_at
    where contracts.is_paying
    group by contracts.account_id, days.day_date

),

joined as (

    select
        accounts.account_id,
        days.day_date,
        days.day_end_at,
        days.is_history,
        days.is_scored,
        accounts.signed_up_date,
        history.is_active,
        life.account_id is not null as has_sign_of_life,
        coalesce(
            accounts.first_paying_at < days.day_end_at
            or accounts.first_trial_at < days.day_end_at,
            false
        ) as has_had_contract,
        cast(coalesce(in_force.mrr, 0) as numeric(24, 6)) as mrr
    from accounts
    cross join days
    left join history
        on
            accounts.account_id = history.account_id
            and days.day_end_at > history.valid_from_at
            and days.day_end_at <= history.valid_to_at
    left join in_force
        on
            accounts.account_id = in_force.account_id
            and days.day_date = in_force.day_date
    left join {{ ref('int_account_sign_of_life') }} as life
        on
            accounts.account_id = life.account_id
            and days.day_date >= life.from_date
            and days.day_date <= life.to_date

),

final as (

    select
        account_id,
        day_date,
        day_end_at,
        is_history,
        is_scored,
        signed_up_date,
        mrr,
        case
            when mrr > 0 and not is_active then 'suspended'
            when mrr > 0 then 'active'
            when has_had_contract or not is_active then null
            when signed_up_date <= day_date and (is_active or has_sign_of_life) then 'active'
        end as status
    from joined

)

select * from final
