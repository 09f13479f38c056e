-- Grain: one row per account, grain (week, month) and period from its first paid period to the as-
-- of day.
{# MRR is the recurring contract value in force at the end of the period (int_contract_history). #}
with periods as (select * from {{ ref('int_period') }}),

contracts as (

    select * from {{ ref('int_contract_history') }}
    where is_paying

),

in_force as (

    select
        periods.grain,
        periods.period_start,
        contracts.account_id,
        sum(contracts.mrr) as mrr
    from periods
    inner join contracts
        on
            periods.observed_end_at > contracts.in_force_from_at
            and periods.observed_end_at <= contracts.in_force_to_at
    group by periods.grain, periods.period_start, contracts.account_id

),

first_paid as (

    select
        grain,
        account_id,
        min(period_start) as first_paid_period_start
    from in_force
    group by grain, account_id

),

spine as (

    select
        first_paid.grain,
        periods.period_start,
        first_paid.account_id,
        first_paid.first_paid_period_start
    from first_paid
    inner join periods
        on
            first_paid.grain = periods.grain
            and first_paid.first_paid_period_start <= periods.period_start

),

filled as (

    select
        spine.grain,
        spine.period_start,
        spine.account_id,
        spine.first_paid_period_start,
        cast(coalesce(in_force.mrr, 0) as numeric(24, 6)) as mrr,
        cast(
            coalesce(
                lag(in_force.mrr) over (
                    partition by spine.grain, spine.account_id
                    order by spine.period_start nulls last
                ),
                0
            ) as numeric(24, 6)
        ) as previous_mrr
    from spine
    left join in_force
        on {{ columns_equal('spine', 'in_force', ['grain', 'period_start', 'account_id']) }}

),

final as (

    select
        grain,
        period_start,
        account_id,
        first_paid_period_start,
        mrr,
        previous_mrr,
        case
            when mrr > 0 and period_start = first_paid_period_start then 'new'
            when mrr > 0 and previous_mrr = 0 then 'reactivation'
            when mrr > previous_mrr then 'expansion'
            when mrr > 0 and mrr < previous_mrr then 'contraction'
            when mrr = 0 and previous_mrr > 0 then 'churn'
            else 'none'
        end as movement
    from filled

)

select * from final
