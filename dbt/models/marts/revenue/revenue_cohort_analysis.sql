-- Grain: one row per cohort month, complete month since and member of each account dimension.
{#
  Cohort: the accounts whose first paid month it is. Each of them has a row in every month since,
  so a month in which none pays has its row too, and none comes after the last complete one. A
  member of a dimension is that of the account at the end of its first paid month: who moved up
  because it stayed does not make the higher tier look better kept.
#}
with periods as (

    select * from ({{ periods_of(['subscriptions']) }}) as periods
    where
        grain = 'month'
        and is_complete

),

account_months as (

    select
        mrr.account_id,
        mrr.first_paid_period_start as cohort_month,
        mrr.period_start as month_start,
        mrr.mrr,
        periods.observed_end_at
    from {{ ref('int_mrr_account_period') }} as mrr
    inner join periods
        on {{ columns_equal('mrr', 'periods', ['grain', 'period_start']) }}

),

first_months as (

    select
        account_months.account_id,
        account_months.mrr as opening_mrr,
        grain_dimensions.dimension,
        coalesce({{ account_dimension_value('history') }}, 'Unknown') as dimension_value
    from account_months
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            grain_dimensions.grain = 'month'
            and grain_dimensions.dimension <> 'product'
    left join {{ ref('dim_account_history') }} as history
        on
            account_months.account_id = history.account_id
            and account_months.observed_end_at > history.valid_from_at
            and account_months.observed_end_at <= history.valid_to_at
    where account_months.month_start = account_months.cohort_month

),

sums as (

    select
        first_months.dimension,
        first_months.dimension_value,
        account_months.cohort_month,
        account_months.month_start,
        count(*) as cohort_accounts,
        sum(first_months.opening_mrr) as opening_mrr,
        count(*) filter (where account_months.mrr > 0) as active_accounts,
        sum(account_months.mrr) as mrr,
        sum({{ lesser('account_months.mrr', 'first_months.opening_mrr') }}) as kept_mrr
    from first_months
    inner join account_months
        on first_months.account_id = account_months.account_id
    group by
        first_months.dimension,
        first_months.dimension_value,
        account_months.cohort_month,
        account_months.month_start

),

final as (

    select
        cohort_month,
        month_start,
        {{ months_between('cohort_month', 'month_start') }} as months_since_first_paid,
        dimension,
        dimension_value,
        cast(cohort_accounts as bigint) as cohort_accounts,
        cast(active_accounts as bigint) as active_accounts,
        cast(opening_mrr as numeric(24, 6)) as opening_mrr,
        cast(mrr as numeric(24, 6)) as mrr,
        cast(kept_mrr as numeric(24, 6)) as kept_mrr,
        {{ pct('active_accounts', 'cohort_accounts') }} as account_retention_pct,
        {{ pct('mrr', 'opening_mrr') }} as revenue_retention_pct,
        {{ pct('kept_mrr', 'opening_mrr') }} as gross_revenue_retention_pct,
        cohort_accounts < {{ setting('cohort_min_accounts') }} as is_small_cohort
    from sums

)

select * from final
