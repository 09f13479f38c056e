-- Grain: one row per grain (week, month), period and member of each account dimension with a change
-- of the price list that can be judged.
{#
  Elasticity: change of tokens, percent, for 1 % change of the price, less what accounts of unchanged
  prices show (fct_price_responses). Its interval follows from how differently the accounts answer,
  on both sides. The score is 100 where tokens fall by 1 % or more for 1 % of price, 0 where they do
  not fall. Of too few accounts, or where the interval is so wide that it says little, there is none.
#}
{%- set fewest_accounts = 5 %}
{%- set widest_interval = 0.5 %}
{%- set z = 1.96 %}
with periods as (

    {{ periods_of(['requests'], daily='requests') }}

),

-- In millions, so that squares keep their digits.
responses as (

    select
        *,
        cast(moved_tokens / 1000000 as {{ type_double() }}) as moved,
        cast(cast(tokens_before as numeric(38, 6)) / 1000000 as {{ type_double() }}) as used
    from {{ ref('fct_price_responses') }}

),

counted as (

    {{ by_account_member('responses', 'change_date', {
        'account_count': 'count(distinct responses.account_id)',
        'response_count': 'count(*)',
        'moved_tokens': 'sum(responses.moved_tokens)',
        'priced_tokens': 'sum(responses.priced_tokens)',
        'moved_sum': 'sum(responses.moved)',
        'used_sum': 'sum(responses.used)',
        'moved_moved': 'sum(responses.moved * responses.moved)',
        'moved_used': 'sum(responses.moved * responses.used)',
        'used_used': 'sum(responses.used * responses.used)',
        'others_error': 'sum(responses.used * responses.others_standard_error)',
    }) }}

),

spread as (

    select
        *,
        -- Squares of what each account does beside the mean answer of all.
        moved_moved - 2 * moved_sum / used_sum * moved_used
        + moved_sum / used_sum * (moved_sum / used_sum) * used_used as residual_squares
    from counted

),

known_members as (

    {{ members_reach() }}

),

measured as (

    select
        spread.grain,
        spread.period_start,
        spread.dimension,
        spread.dimension_value,
        spread.account_count,
        spread.moved_tokens,
        spread.priced_tokens,
        {{ is_over_and_known('spread') }} as is_complete,
        {{ ratio('spread.moved_tokens', 'spread.priced_tokens') }} as price_elasticity,
        {{ pct('spread.moved_tokens', 'spread.priced_tokens') }} as answer_pct,
        case
            when spread.account_count >= {{ fewest_accounts }} and spread.priced_tokens <> 0
                then cast(
                    {{ z }} * 1000000 / cast(abs(spread.priced_tokens) as {{ type_double() }})
                    * sqrt(
                        spread.others_error * spread.others_error
                        + {{ greater('0', 'spread.residual_squares') }}
                        * spread.response_count / (spread.response_count - 1)
                    ) as numeric(18, 6)
                )
        end as half_interval
    from spread
    inner join periods
        on {{ columns_equal('spread', 'periods', ['grain', 'period_start']) }}
    cross join known_members

),

final as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        cast(account_count as bigint) as account_count,
        cast(moved_tokens as numeric(38, 6)) as moved_tokens,
        cast(priced_tokens as numeric(38, 6)) as priced_tokens,
        cast(case when half_interval is not null then price_elasticity end as numeric(38, 6))
            as price_elasticity,
        cast(price_elasticity - half_interval as numeric(38, 6)) as price_elasticity_low,
        cast(price_elasticity + half_interval as numeric(38, 6)) as price_elasticity_high,
        cast(case
            when half_interval > {{ widest_interval }} or half_interval is null then null
            when answer_pct >= 0 then 0
            when answer_pct <= -100 then 100
            else -answer_pct
        end as numeric(18, 6)) as price_sensitivity_score
    from measured

)

select * from final
