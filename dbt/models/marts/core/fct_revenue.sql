-- Grain: one row per account and month from its first paid month to the month of the as-of day.
{# NovaCRM's name and columns for fct_subscription_month, which decides everything. #}
with subscription_months as (select * from {{ ref('fct_subscription_month') }}),

final as (

    select
        subscription_month_key as revenue_key,
        account_id,
        month_start,
        cohort_month,
        {{ months_between('cohort_month', 'month_start') }} as months_since_first_paid,
        mrr,
        cast(12 * mrr as numeric(24, 6)) as arr,
        previous_mrr,
        mrr_change,
        movement as revenue_movement
    from subscription_months

)

select * from final
