-- Grain: one row per paying contract in force at the end of the as-of day.
{# What due, overdue, ending and unknown mean: int_renewal_day. #}
with renewals as (

    select renewals.*
    from {{ ref('int_renewal_day') }} as renewals
    inner join {{ ref('int_as_of') }} as as_of
        on renewals.day_date = as_of.as_of_date

),

final as (

    select
        renewals.subscription_id,
        renewals.account_id,
        accounts.account_name,
        accounts.owner_name,
        accounts.segment,
        accounts.plan_tier,
        accounts.home_region,
        renewals.plan_name,
        renewals.plan_type,
        renewals.started_date,
        renewals.renewal_status,
        renewals.due_date_basis,
        renewals.due_date,
        cast(date_trunc('month', renewals.due_date) as date) as due_month,
        cast(date_trunc('quarter', renewals.due_date) as date) as due_quarter,
        renewals.days_until_due,
        renewals.mrr,
        cast(12 * renewals.mrr as numeric(24, 6)) as arr
    from renewals
    left join {{ ref('dim_account') }} as accounts
        on renewals.account_id = accounts.account_id

)

select * from final
