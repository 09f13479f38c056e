-- Grain: one row per account and stretch of days on none of which its last sign of life is old.
{#
  Whether an account was a customer on a day that the CRM says nothing of: its sign-up, revenue or
  use lies no more than sign_of_life_days back. Contracts in force say it by themselves.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

signs as (

    select
        account_id,
        signed_up_date as sign_date
    from {{ ref('int_account_history') }}
    where is_current

    union

    select
        account_id,
        usage_date as sign_date
    from {{ ref('int_token_usage_daily') }}

    union

    select
        account_id,
        usage_date as sign_date
    from {{ ref('int_product_usage_daily') }}

    union

    select
        account_id,
        revenue_date as sign_date
    from {{ ref('int_revenue_daily') }}
    where net_revenue > 0

),

known as (

    select
        signs.account_id,
        signs.sign_date,
        lag(signs.sign_date) over (
            partition by signs.account_id order by signs.sign_date nulls last
        ) as previous_sign_date
    from signs
    inner join as_of
        on signs.sign_date <= as_of.as_of_date
    where signs.account_id is not null

),

stretches as (

    select
        account_id,
        sign_date,
        sum(
            case
                when
                    {{ days_between('previous_sign_date', 'sign_date') }}
                    <= {{ setting('sign_of_life_days') }}
                    then 0
                else 1
            end
        ) over (partition by account_id order by sign_date nulls last) as stretch_number
    from known

),

final as (

    select
        account_id,
        min(sign_date) as from_date,
        cast(
            max(sign_date) + {{ setting('sign_of_life_days') }} * interval '1 day' as date
        ) as to_date
    from stretches
    group by account_id, stretch_number

)

select * from final
