-- Grain: one row per account and cut-off (the end of a month) before which a source spoke of it.
with as_of as (

    {{ known_as_of(['subscriptions']) }}

),

cutoffs as (

    select
        *,
        cutoff_at + interval '{{ var("prediction_horizon_days") }} day' as horizon_end_at
    from {{ ref('int_account_cutoff') }}

),

-- Where no contract is known at all, nobody can be said not to have paid.
contracts_known as (

    select count(*) > 0 as are_known from {{ ref('int_contract_history') }}

),

activity as (select * from {{ ref('int_account_cutoff_activity') }}),

-- Contracts that pay within the horizon, and those that pay at its end.
outcomes as (

    select
        cutoffs.account_id,
        cutoffs.cutoff_date,
        bool_or(contracts.in_force_to_at >= cutoffs.horizon_end_at) as pays_at_end
    from cutoffs
    inner join {{ ref('int_contract_history') }} as contracts
        on
            cutoffs.account_id = contracts.account_id
            and contracts.is_paying
            and contracts.in_force_from_at < contracts.in_force_to_at
            and cutoffs.horizon_end_at > contracts.in_force_from_at
            and cutoffs.cutoff_at < contracts.in_force_to_at
    group by cutoffs.account_id, cutoffs.cutoff_date

),

labelled as (

    select
        cutoffs.*,
        case
            when cutoffs.mrr > 0 then 'renewal'
            when cutoffs.has_paid then 'reactivation'
            else 'conversion'
        end as action_name,
        contracts_known.are_known and cutoffs.horizon_end_at <= as_of.as_of_end_at as is_closed,
        case
            when cutoffs.mrr > 0 then coalesce(outcomes.pays_at_end, false)
            else outcomes.account_id is not null
        end as happened
    from cutoffs
    cross join as_of
    cross join contracts_known
    left join outcomes
        on {{ columns_equal('cutoffs', 'outcomes', ['account_id', 'cutoff_date']) }}

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['labelled.account_id', 'labelled.cutoff_date']) }}
            as prediction_input_key,
        labelled.account_id,
        labelled.cutoff_date,
        labelled.action_name,
        labelled.is_closed,
        case
            when not labelled.is_closed then null
            when labelled.happened then 1
            else 0
        end as label,
        {{ prediction_features('labelled', 'activity') }}
    from labelled
    inner join activity
        on {{ columns_equal('labelled', 'activity', ['account_id', 'cutoff_date']) }}

)

select * from final
