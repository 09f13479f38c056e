-- Grain: one row per judged change of the price list (plan tier, model, day) and account that used
-- the model before.
{#
  The tokens of a model in the window after the change are held against those before, less the change
  of accounts on tiers of unchanged prices in the same days (ratio of their sums, with its standard
  error). A change is judged once its window is over, if no other one of the tier and model lies
  within it, and if there are enough such accounts.
#}
{%- set window_days = 28 %}
{%- set fewest_accounts = 5 %}
{%- set number = 'cast({} as ' ~ type_double() ~ ')' %}
with known as (

    {{ known_as_of(['requests']) }}

),

observed as (

    select min(usage_date) as first_date from {{ ref('fct_usage_daily') }}

),

prices as (

    select
        *,
        lag(price) over (
            partition by plan_tier, model_variant, currency_code order by valid_from nulls last
        ) as earlier_price
    from {{ ref('stg_plan_prices') }}

),

changes as (

    select
        plan_tier,
        model_variant,
        valid_from as change_date,
        avg({{ ratio('price - earlier_price', 'earlier_price') }}) as price_change,
        lag(valid_from) over (
            partition by plan_tier, model_variant order by valid_from nulls last
        ) as earlier_date,
        lead(valid_from) over (
            partition by plan_tier, model_variant order by valid_from nulls last
        ) as later_date
    from prices
    where price <> earlier_price
    group by plan_tier, model_variant, valid_from

),

events as (

    select
        changes.plan_tier,
        changes.model_variant,
        changes.change_date,
        cast(changes.price_change as numeric(18, 6)) as price_change
    from changes
    cross join known
    cross join observed
    where
        changes.change_date - interval '{{ window_days }} day' >= observed.first_date
        and changes.change_date + interval '{{ window_days - 1 }} day' <= known.as_of_date
        and coalesce(
            changes.earlier_date <= changes.change_date - interval '{{ window_days }} day', true
        )
        and coalesce(
            changes.later_date >= changes.change_date + interval '{{ window_days }} day', true
        )

),

dates as (

    select distinct change_date from events

),

days as (

    select
        dates.change_date,
        int_day.date_day as usage_date,
        int_day.date_day >= dates.change_date as is_after
    from dates
    inner join {{ ref('int_day') }} as int_day
        on
            int_day.date_day >= dates.change_date - interval '{{ window_days }} day'
            and int_day.date_day < dates.change_date + interval '{{ window_days }} day'

),

usage as (

    select
        days.change_date,
        lower(history.plan_tier) as plan_tier,
        daily.account_id,
        daily.model_variant,
        cast(sum(
            case when days.is_after then 0 else daily.total_tokens end
        ) as numeric(19, 0)) as tokens_before,
        cast(sum(
            case when days.is_after then daily.total_tokens else 0 end
        ) as numeric(19, 0)) as tokens_after
    from days
    inner join {{ ref('fct_usage_daily') }} as daily
        on days.usage_date = daily.usage_date
    inner join {{ ref('dim_account_history') }} as history
        on
            daily.account_id = history.account_id
            and cast(days.change_date as timestamp) >= history.valid_from_at
            and cast(days.change_date as timestamp) < history.valid_to_at
    group by
        days.change_date, lower(history.plan_tier), daily.account_id, daily.model_variant

),

listed_tiers as (

    select distinct
        dates.change_date,
        prices.plan_tier
    from dates
    cross join prices

),

-- Tiers that the price list knows and that no price changed for in these days.
calm_tiers as (

    select
        tiers.change_date,
        tiers.plan_tier
    from listed_tiers as tiers
    left join changes
        on
            tiers.plan_tier = changes.plan_tier
            and changes.change_date > tiers.change_date - interval '{{ window_days }} day'
            and changes.change_date < tiers.change_date + interval '{{ window_days }} day'
    where changes.plan_tier is null

),

-- Who begins in these days is on neither side.
calm_accounts as (

    select
        usage.change_date,
        usage.account_id,
        sum(usage.tokens_before) as tokens_before,
        sum(usage.tokens_after) as tokens_after
    from usage
    inner join calm_tiers
        on {{ columns_equal('usage', 'calm_tiers', ['change_date', 'plan_tier']) }}
    group by usage.change_date, usage.account_id
    having sum(usage.tokens_before) > 0

),

calm as (

    select
        change_date,
        count(*) as account_count,
        cast(sum(tokens_before) as numeric(19, 0)) as tokens_before,
        cast(sum(tokens_after) as numeric(19, 0)) as tokens_after
    from calm_accounts
    group by change_date
    having count(*) >= {{ fewest_accounts }}

),

-- What each of them does beside the change of all, as a share of all tokens.
residuals as (

    select
        calm.change_date,
        calm.account_count,
        {{ double_quotient(
            number.format('accounts.tokens_after') ~ ' - ' ~ double_quotient(
                number.format('accounts.tokens_before') ~ ' * ' ~ number.format('calm.tokens_after'),
                number.format('calm.tokens_before')
            ), number.format('calm.tokens_before')
        ) }} as residual
    from calm_accounts as accounts
    inner join calm
        on accounts.change_date = calm.change_date

),

errors as (

    select
        change_date,
        sqrt(
            cast(account_count as {{ type_double() }}) / (account_count - 1)
            * sum(cast(residual as {{ type_double() }}) * cast(residual as {{ type_double() }}))
        ) as standard_error
    from residuals
    group by change_date, account_count

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'events.plan_tier', 'events.model_variant', 'events.change_date', 'usage.account_id'
        ]) }} as price_response_key,
        events.plan_tier,
        events.model_variant,
        events.change_date,
        usage.account_id,
        events.price_change,
        cast(usage.tokens_before as bigint) as tokens_before,
        cast(usage.tokens_after as bigint) as tokens_after,
        {{ ratio('calm.tokens_after', 'calm.tokens_before') }} as others_ratio,
        cast(errors.standard_error as numeric(18, 6)) as others_standard_error,
        -- after - before x change of the others, as one quotient, so that nothing is rounded first
        {{ ratio(
            'usage.tokens_after * calm.tokens_before - usage.tokens_before * calm.tokens_after',
            'calm.tokens_before'
        ) }} as moved_tokens,
        cast(usage.tokens_before * events.price_change as numeric(38, 6)) as priced_tokens
    from events
    inner join usage
        on {{ columns_equal('events', 'usage', ['change_date', 'plan_tier', 'model_variant']) }}
    inner join calm
        on events.change_date = calm.change_date
    inner join errors
        on events.change_date = errors.change_date
    where usage.tokens_before > 0

)

select * from final
