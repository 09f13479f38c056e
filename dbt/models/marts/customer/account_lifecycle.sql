-- Grain: one row per account of the CRM or the facts, with its stage of life as of the as-of day.
with as_of as (select * from {{ ref('int_as_of') }}),

accounts as (

    select * from {{ ref('dim_account') }}
    where account_id <> 'Unknown'

),

contract_states as (

    select
        contracts.account_id,
        contracts.is_trial,
        contracts.is_paying,
        contracts.mrr,
        as_of.as_of_end_at > contracts.in_force_from_at
        and as_of.as_of_end_at <= contracts.in_force_to_at as is_in_force
    from {{ ref('int_contract_history') }} as contracts
    inner join as_of
        on
            contracts.in_force_from_at < as_of.as_of_end_at
            and contracts.in_force_from_at < contracts.in_force_to_at

),

contracts as (

    select
        account_id,
        bool_or(is_paying) as has_paid,
        bool_or(is_trial) as has_tried,
        bool_or(is_trial and is_in_force) as is_trying,
        sum(mrr) filter (where is_paying and is_in_force) as mrr
    from contract_states
    group by account_id

),

joined as (

    select
        accounts.account_id,
        accounts.account_name,
        accounts.owner_name,
        accounts.segment,
        accounts.plan_tier,
        accounts.home_region,
        accounts.is_active,
        accounts.signed_up_date,
        case
            when accounts.signed_up_date <= as_of.as_of_date
                then {{ days_between('accounts.signed_up_date', 'as_of.as_of_date') }}
        end as tenure_days,
        life.account_id is not null as has_sign_of_life,
        coalesce(contracts.has_paid, false) as has_paid,
        coalesce(contracts.has_tried, false) as has_tried,
        coalesce(contracts.is_trying, false) as is_trying,
        cast(coalesce(contracts.mrr, 0) as numeric(24, 6)) as mrr
    from accounts
    cross join as_of
    left join contracts
        on accounts.account_id = contracts.account_id
    left join {{ ref('int_account_sign_of_life') }} as life
        on
            accounts.account_id = life.account_id
            and as_of.as_of_date >= life.from_date
            and as_of.as_of_date <= life.to_date

),

final as (

    select
        account_id,
        account_name,
        owner_name,
        segment,
        plan_tier,
        home_region,
        is_active,
        signed_up_date,
        tenure_days,
        mrr,
        case
            when mrr > 0 and not is_active then 'suspended'
            when mrr = 0 and (has_paid or not is_active) then 'churned'
            when is_trying and not has_paid then 'trial'
            when has_tried and not has_paid then 'trial_ended'
            when tenure_days is null then 'Unknown'
            when mrr = 0 and not coalesce(is_active, has_sign_of_life) then 'Unknown'
            when tenure_days <= {{ setting('onboarding_max_days') }} then 'onboarding'
            when tenure_days <= {{ setting('growing_max_days') }} then 'growing'
            else 'mature'
        end as lifecycle_stage
    from joined

)

select * from final
