-- Grain: one row per account with a sign-up date.
{#
  An account has adopted when its tokens reach the threshold within the window from its sign-up; the
  window is over once the as-of day and the requests both reach its end.
#}
{%- set window_days = var("adoption_window_days") %}
{%- set gateways = [
    'inference_user_token_usage_open_source', 'inference_user_token_usage_proprietary',
] %}
with accounts as (

    select
        account_id,
        signed_up_date,
        cast(signed_up_date + interval '{{ window_days }} day' as date) as window_end_date
    from {{ ref('dim_account') }}
    where signed_up_date is not null

),

known as (

    {{ known_as_of(['requests']) }}

),

daily as (

    select
        account_id,
        usage_date,
        sum(total_tokens) as tokens,
        min(first_success_at) as first_success_at
    from {{ ref('fct_usage_daily') }}
    group by account_id, usage_date

),

cumulated as (

    select
        accounts.account_id,
        daily.usage_date,
        daily.first_success_at,
        sum(daily.tokens) over (
            partition by accounts.account_id order by daily.usage_date nulls last
        ) as tokens_to_date
    from accounts
    inner join daily
        on
            accounts.account_id = daily.account_id
            and accounts.window_end_date > daily.usage_date

),

reached as (

    select
        account_id,
        min(first_success_at) as first_success_at,
        max(tokens_to_date) as window_tokens,
        min(usage_date) filter (
            where tokens_to_date >= {{ setting('adoption_token_threshold') }}
        ) as adopted_date
    from cumulated
    group by account_id

),

final as (

    select
        accounts.account_id,
        accounts.signed_up_date,
        accounts.window_end_date,
        accounts.window_end_date <= known.as_of_date as is_window_over,
        cast(
            {{ unless_never_delivered('reached.window_tokens', '0', *gateways) }} as bigint
        ) as window_tokens,
        reached.first_success_at,
        reached.adopted_date,
        {{ unless_never_delivered(
            'reached.window_tokens >= ' ~ setting('adoption_token_threshold'), 'false', *gateways
        ) }} as is_adopted
    from accounts
    cross join known
    left join reached
        on accounts.account_id = reached.account_id

)

select * from final
