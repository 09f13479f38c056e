-- Grain: one row per account with recurring revenue at the as-of day.
{#
  Lifetime value = MRR x lifetime in months: assumed (a var) beside observed (1 / monthly churn).
#}
with as_of as (select * from {{ ref('int_as_of') }}),

accounts as (select * from {{ ref('dim_account') }}),

contracts as (

    select
        account_periods.account_id,
        account_periods.mrr
    from {{ ref('int_mrr_account_period') }} as account_periods
    inner join as_of
        on account_periods.period_start = cast(date_trunc('month', as_of.as_of_date) as date)
    where
        account_periods.grain = 'month'
        and account_periods.mrr > 0

),

last_week as (

    select max(period_start) as period_start
    from {{ ref('int_feed_period') }}
    where
        feed = 'revenue'
        and grain = 'week'
        and is_complete

),

run_rates as (

    select
        account_periods.account_id,
        account_periods.net_revenue * {{ var('weeks_per_month') }} as mrr
    from {{ ref('fct_account_period_dimension') }} as account_periods
    inner join last_week
        on account_periods.period_start = last_week.period_start
    where
        account_periods.grain = 'week'
        and account_periods.dimension = 'all'
        and account_periods.net_revenue > 0
        and not exists (select 1 from {{ ref('int_mrr_account_period') }})

),

recurring as (

    select
        account_id,
        'contract' as basis,
        mrr
    from contracts

    union all

    select
        account_id,
        'run_rate' as basis,
        mrr
    from run_rates

),

last_month as (

    select max(period_start) as period_start
    from ({{ periods_of(['subscriptions']) }}) as periods
    where
        grain = 'month'
        and is_complete

),

churn as (

    select retention.monthly_logo_churn_pct
    from {{ ref('nrr_summary') }} as retention
    inner join last_month
        on retention.period_start = last_month.period_start
    where
        retention.grain = 'month'
        and retention.dimension = 'all'

),

final as (

    select
        recurring.account_id,
        accounts.account_name,
        accounts.plan_tier,
        accounts.segment,
        recurring.basis,
        cast(recurring.mrr as numeric(24, 6)) as mrr,
        cast({{ var('assumed_lifetime_months') }} as numeric(24, 6)) as assumed_lifetime_months,
        cast(recurring.mrr * {{ var('assumed_lifetime_months') }} as numeric(24, 6))
            as cltv_assumed,
        {{ ratio('100', 'churn.monthly_logo_churn_pct') }} as observed_lifetime_months,
        {{ ratio('100 * recurring.mrr', 'churn.monthly_logo_churn_pct') }} as cltv_observed
    from recurring
    inner join accounts
        on recurring.account_id = accounts.account_id
    left join churn
        on churn.monthly_logo_churn_pct > 0

)

select * from final
