-- Grain: one row per account with a sign-up date; none while requests are not observed.
{#
  First value is the first request that succeeded. An account that signed up before requests were
  observed is left-censored: its true first use may be earlier than the one seen.
#}
with accounts as (

    select * from {{ ref('dim_account') }}
    where signed_up_date is not null

),

coverage as (

    select first_date from {{ ref('int_first_observed') }}
    where feed = 'requests'

),

first_use as (

    select
        account_id,
        min(first_success_at) as first_value_at
    from {{ ref('fct_usage_daily') }}
    group by account_id

),

final as (

    select
        accounts.account_id,
        accounts.account_name,
        accounts.plan_tier,
        accounts.segment,
        accounts.home_region as region,
        accounts.signed_up_date,
        first_use.first_value_at,
        cast(first_use.first_value_at as date) as first_value_date,
        -- A sign-up recorded after the first use counts as value on the first day.
        case
            when first_use.first_value_at is not null
                then
                    {{ greater(
                        '0', days_between('accounts.signed_up_date', 'first_use.first_value_at')
                    ) }}
        end as days_to_value,
        accounts.signed_up_date < coverage.first_date as is_left_censored
    from accounts
    left join first_use
        on accounts.account_id = first_use.account_id
    cross join coverage

)

select * from final
