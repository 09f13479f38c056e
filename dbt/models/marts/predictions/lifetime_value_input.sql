-- Grain: one row per account and cut-off (the end of a month) before which a source spoke of it.
{%- set months = var('lifetime_value_horizon_months') %}
with as_of as (

    {{ known_as_of(['subscriptions']) }}

),

cutoffs as (

    select
        *,
        cast(cutoff_date + interval '{{ months }} month' as date) as horizon_end_date,
        -- As each month end knew its own: what was recorded later is not looked at.
        sum(mrr) over (
            partition by account_id order by cutoff_date nulls last
            rows between unbounded preceding and current row
        ) as received_before_cutoff
    from {{ ref('int_account_cutoff') }}

),

activity as (select * from {{ ref('int_account_cutoff_activity') }}),

-- Where no contract is known at all, nobody can be said to have brought in nothing.
contracts_known as (

    select count(*) > 0 as are_known from {{ ref('int_mrr_account_period') }}

),

-- MRR of each month stands for what the month brought in.
received as (

    select
        cutoffs.account_id,
        cutoffs.cutoff_date,
        sum(mrr.mrr) as within_horizon
    from cutoffs
    inner join {{ ref('int_mrr_account_period') }} as mrr
        on
            cutoffs.account_id = mrr.account_id
            and mrr.grain = 'month'
            and cutoffs.cutoff_date <= mrr.period_start
            and cutoffs.horizon_end_date > mrr.period_start
    group by cutoffs.account_id, cutoffs.cutoff_date

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['cutoffs.account_id', 'cutoffs.cutoff_date']) }}
            as prediction_input_key,
        cutoffs.account_id,
        cutoffs.cutoff_date,
        contracts_known.are_known
        and cast(cutoffs.horizon_end_date as timestamp) <= as_of.as_of_end_at as is_closed,
        cast(
            case
                when
                    contracts_known.are_known
                    and cast(cutoffs.horizon_end_date as timestamp) <= as_of.as_of_end_at
                    then coalesce(received.within_horizon, 0)
            end as numeric(24, 6)
        ) as recurring_revenue_within_horizon,
        cast(cutoffs.received_before_cutoff as numeric(24, 6)) as recurring_revenue_before_cutoff,
        {{ prediction_features('cutoffs', 'activity') }}
    from cutoffs
    cross join as_of
    cross join contracts_known
    inner join activity
        on {{ columns_equal('cutoffs', 'activity', ['account_id', 'cutoff_date']) }}
    left join received
        on {{ columns_equal('cutoffs', 'received', ['account_id', 'cutoff_date']) }}

)

select * from final
