-- Grain: one row per grain (week, month), period and member of each account dimension since
-- contracts are known.
{#
  Accounts that signed up by the end of the period, and how long those took that had paid by then. An
  account that signed up before the first contract known may have paid before it: it is left out.
#}
with periods as (

    {{ periods_of(['accounts', 'subscriptions']) }}

),

accounts as (

    select
        accounts.*,
        payments.first_paid_date,
        {{ greater(
            '0', days_between('accounts.signed_up_date', 'payments.first_paid_date')
        ) }} as days_to_payment
    from {{ ref('dim_account') }} as accounts
    inner join {{ ref('int_first_observed') }} as observed
        on
            observed.feed = 'subscriptions'
            and accounts.signed_up_date >= observed.first_date
    left join {{ ref('int_account_first_payment') }} as payments
        on accounts.account_id = payments.account_id

),

known_members as (

    {{ members_reach() }}

),

expanded as (

    select
        periods.grain,
        periods.period_start,
        {{ is_over_and_known('grain_dimensions') }} as is_complete,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value,
        case
            when accounts.first_paid_date <= periods.observed_end then accounts.days_to_payment
        end as days_to_payment
    from accounts
    inner join periods
        on accounts.signed_up_date <= periods.observed_end
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            periods.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'
    cross join known_members

),

final as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        cast(count(days_to_payment) as bigint) as paid_accounts,
        cast(count(*) - count(days_to_payment) as bigint) as censored_accounts,
        cast({{ percentile(0.50, 'days_to_payment') }} as numeric(18, 6))
            as signup_to_payment_p50_days
    from expanded
    group by grain, period_start, dimension, dimension_value, is_complete

)

select * from final
