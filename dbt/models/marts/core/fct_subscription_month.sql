-- Grain: one row per account and month from its first paid month to the month of the as-of day.
with account_periods as (

    select * from {{ ref('int_mrr_account_period') }}
    where grain = 'month'

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['account_id', 'period_start']) }}
            as subscription_month_key,
        account_id,
        period_start as month_start,
        cast(date_trunc('month', first_paid_period_start) as date) as cohort_month,
        mrr,
        previous_mrr,
        movement,
        cast(mrr - previous_mrr as numeric(24, 6)) as mrr_change
    from account_periods

)

select * from final
