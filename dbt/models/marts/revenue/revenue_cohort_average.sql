-- Grain: one row per number of months since the first paid one and member of each account
-- dimension.
{#
  All cohorts old enough together, weighted by their accounts and their MRR: sums first, then the
  rate. A cohort has a row in revenue_cohort_analysis exactly where it is old enough.
#}
with cohorts as (select * from {{ ref('revenue_cohort_analysis') }}),

sums as (

    select
        months_since_first_paid,
        dimension,
        dimension_value,
        count(*) as cohort_count,
        sum(cohort_accounts) as cohort_accounts,
        sum(active_accounts) as active_accounts,
        sum(opening_mrr) as opening_mrr,
        sum(mrr) as mrr,
        sum(kept_mrr) as kept_mrr
    from cohorts
    group by months_since_first_paid, dimension, dimension_value

),

final as (

    select
        months_since_first_paid,
        dimension,
        dimension_value,
        cast(cohort_count as bigint) as cohort_count,
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
