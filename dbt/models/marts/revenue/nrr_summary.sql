-- Grain: one row per grain (week, month), period and member of each account dimension since the
-- first paid contract.
{#
  The headline rates follow the accounts that paid 12 months (52 weeks) before; new and reactivated
  accounts never enter the numerator, and an account that left and returned inside the window counts
  by its end state. The period rates follow the accounts that paid one period before.
#}
with mrr as (select * from {{ ref('int_mrr_account_period') }}),

periods as (select * from {{ ref('int_period') }}),

waterfall as (select * from {{ ref('mrr_waterfall') }}),

-- Both ends of the window for every account that paid at its start.
cohort_accounts as (

    select
        periods.grain,
        periods.period_start,
        opening.account_id,
        opening.mrr as opening_mrr,
        closing.mrr as closing_mrr
    from periods
    inner join mrr as opening
        on
            periods.grain = opening.grain
            and periods.year_ago_period_start = opening.period_start
            and opening.mrr > 0
    inner join mrr as closing
        on
            periods.grain = closing.grain
            and periods.period_start = closing.period_start
            and opening.account_id = closing.account_id

),

cohorts as (

    select
        cohort_accounts.grain,
        cohort_accounts.period_start,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value,
        sum(cohort_accounts.opening_mrr) as cohort_opening_mrr,
        sum(cohort_accounts.closing_mrr) as cohort_closing_mrr,
        sum({{ lesser('cohort_accounts.opening_mrr', 'cohort_accounts.closing_mrr') }})
            as cohort_kept_mrr,
        count(*) as cohort_accounts,
        count(*) filter (where cohort_accounts.closing_mrr > 0) as cohort_kept_accounts
    from cohort_accounts
    inner join {{ ref('dim_account') }} as accounts
        on cohort_accounts.account_id = accounts.account_id
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            cohort_accounts.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'
    group by 1, 2, 3, 4

),

churn_windows as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        sum(churned_accounts) over window_of_a_year as churned_accounts,
        sum(opening_accounts) over window_of_a_year as opening_accounts
    from waterfall
    where
        grain = 'month'
        and is_complete
    window
        window_of_a_year as (
            partition by grain, dimension, dimension_value
            order by period_start nulls last
            rows between 11 preceding and current row
        )

),

final as (

    select
        waterfall.grain,
        waterfall.period_start,
        waterfall.dimension,
        waterfall.dimension_value,
        waterfall.is_complete,
        cast(cohorts.cohort_opening_mrr as numeric(24, 6)) as cohort_opening_mrr,
        cast(cohorts.cohort_closing_mrr as numeric(24, 6)) as cohort_closing_mrr,
        cast(cohorts.cohort_kept_mrr as numeric(24, 6)) as cohort_kept_mrr,
        cast(cohorts.cohort_accounts as bigint) as cohort_accounts,
        cast(cohorts.cohort_kept_accounts as bigint) as cohort_kept_accounts,
        {{ pct('cohorts.cohort_closing_mrr', 'cohorts.cohort_opening_mrr') }} as nrr_pct,
        {{ pct('cohorts.cohort_kept_mrr', 'cohorts.cohort_opening_mrr') }} as grr_pct,
        {{ pct('cohorts.cohort_kept_accounts', 'cohorts.cohort_accounts') }} as logo_retention_pct,
        {{ pct(
            'waterfall.opening_mrr + waterfall.expansion_mrr - waterfall.contraction_mrr - waterfall.churn_mrr',
            'waterfall.opening_mrr'
        ) }} as period_nrr_pct,
        {{ pct(
            'waterfall.opening_mrr - waterfall.contraction_mrr - waterfall.churn_mrr',
            'waterfall.opening_mrr'
        ) }} as period_grr_pct,
        {{ pct(
            'waterfall.opening_accounts - waterfall.churned_accounts', 'waterfall.opening_accounts'
        ) }} as period_logo_retention_pct,
        cast(churn_windows.churned_accounts as bigint) as trailing_churned_accounts,
        cast(churn_windows.opening_accounts as bigint) as trailing_account_months,
        {{ pct('churn_windows.churned_accounts', 'churn_windows.opening_accounts') }}
            as monthly_logo_churn_pct
    from waterfall
    left join cohorts
        on {{ columns_equal('waterfall', 'cohorts', [
            'grain', 'period_start', 'dimension', 'dimension_value',
        ]) }}
    left join churn_windows
        on {{ columns_equal('waterfall', 'churn_windows', [
            'grain', 'period_start', 'dimension', 'dimension_value',
        ]) }}

)

select * from final
