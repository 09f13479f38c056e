-- Grain: one row per grain (week, month), period and member of each account dimension with a change
-- of the price list that can be judged.
{#
  Elasticity: change of tokens, percent, for 1 % change of the price. The tokens of a model in the
  window after the change are held against those before, in accounts on the plan tier whose price
  changed, less the change that accounts on tiers of unchanged prices show in the same days. A change
  is judged once its window is over, if no other one of the tier and model lies within it, and if
  there are enough accounts on both sides. The score is 100 where tokens fall by 1 % or more for 1 %
  of price, 0 where they do not fall.
#}
{%- set window_days = 28 %}
{%- set fewest_accounts = 5 %}
with known as (

    {{ known_as_of(['requests']) }}

),

observed as (

    select min(usage_date) as first_date from {{ ref('fct_usage_daily') }}

),

periods as (

    {{ periods_of(['requests'], daily='requests') }}

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

days as (

    select
        dates.change_date,
        int_day.date_day as usage_date,
        int_day.date_day >= dates.change_date as is_after
    from (select distinct events.change_date from events) as dates
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

-- Tiers that the price list knows and that no price changed for in these days.
calm_tiers as (

    select
        dates.change_date,
        tiers.plan_tier
    from (select distinct events.change_date from events) as dates
    cross join (select distinct prices.plan_tier from prices) as tiers
    left join changes
        on
            tiers.plan_tier = changes.plan_tier
            and changes.change_date > dates.change_date - interval '{{ window_days }} day'
            and changes.change_date < dates.change_date + interval '{{ window_days }} day'
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
        cast(sum(tokens_before) as numeric(19, 0)) as tokens_before,
        cast(sum(tokens_after) as numeric(19, 0)) as tokens_after
    from calm_accounts
    group by change_date
    having count(*) >= {{ fewest_accounts }}

),

responses as (

    select
        events.change_date,
        usage.account_id,
        usage.tokens_before * events.price_change as priced_tokens,
        -- after - before x change of the others, as one quotient, so that nothing is rounded first
        {{ ratio(
            'usage.tokens_after * calm.tokens_before - usage.tokens_before * calm.tokens_after',
            'calm.tokens_before'
        ) }} as moved_tokens
    from events
    inner join usage
        on {{ columns_equal('events', 'usage', ['change_date', 'plan_tier', 'model_variant']) }}
    inner join calm
        on events.change_date = calm.change_date
    where usage.tokens_before > 0

),

counted as (

    {{ by_account_member('responses', 'change_date', {
        'account_count': 'count(distinct responses.account_id)',
        'moved_tokens': 'sum(responses.moved_tokens)',
        'priced_tokens': 'sum(responses.priced_tokens)',
    }) }}

),

known_members as (

    {{ members_reach() }}

),

measured as (

    select
        counted.*,
        {{ is_over_and_known('counted') }} as is_complete,
        case
            when counted.account_count >= {{ fewest_accounts }}
                then {{ ratio('counted.moved_tokens', 'counted.priced_tokens') }}
        end as price_elasticity
    from counted
    inner join periods
        on {{ columns_equal('counted', 'periods', ['grain', 'period_start']) }}
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
        cast(price_elasticity as numeric(38, 6)) as price_elasticity,
        cast(case
            when price_elasticity >= 0 then 0
            when price_elasticity <= -1 then 100
            else -100 * cast(price_elasticity as numeric(18, 6))
        end as numeric(18, 6)) as price_sensitivity_score
    from measured

)

select * from final
