-- Grain: one row per account and last observed day of a week or month since its first paid one.
{#
  A balance: take it on one day, never add it over days. int_mrr_account_period holds it per grain;
  the last day of a week and of a month may be the same, and then both say the same.
#}
with account_periods as (

    select * from {{ ref('int_mrr_account_period') }}

),

periods as (

    select * from {{ ref('int_period') }}

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'account_periods.account_id', 'periods.observed_end'
        ]) }} as mrr_snapshot_key,
        account_periods.account_id,
        periods.observed_end as snapshot_date,
        account_periods.mrr
    from account_periods
    inner join periods
        on
            account_periods.grain = periods.grain
            and account_periods.period_start = periods.period_start
    group by account_periods.account_id, periods.observed_end, account_periods.mrr

)

select * from final
