-- Grain: one row per grain (week, month), period and member of each account dimension with an
-- account that uses the platform.
{#
  Migration: accounts that spent more than half of their tokens of a model family on a model with a
  successor in the period before, and use the family now; they have moved when more than half of it
  now is on a model that follows. Adoption of higher margins: accounts with at least higher_share of
  their tokens on models above the median margin, of the tokens on models whose margin is known.
#}
{%- set higher_share = 0.2 %}
{%- set longest_chain = 3 %}
with periods as (

    {{ periods_of(['requests'], daily='requests') }}

),

models as (select * from {{ ref('dim_model') }}),

margins as (select * from {{ ref('model_margin') }}),

-- A model and those that follow it.
followers_1 as (

    select
        model_variant,
        successor as follower
    from models
    where successor is not null

),
{% for step in range(2, longest_chain + 1) %}
followers_{{ step }} as (

    select
        earlier.model_variant,
        models.successor as follower
    from followers_{{ step - 1 }} as earlier
    inner join models
        on earlier.follower = models.model_variant
    where models.successor is not null

),
{% endfor %}
followers as (
    {% for step in range(1, longest_chain + 1) %}
    select * from followers_{{ step }}
    {%- if not loop.last %}

    union
    {% endif %}
    {%- endfor %}

),

usage as (

    {{ by_grain(ref('fct_usage_daily'), 'usage_date') }}

),

tokens as (

    select
        usage.grain,
        usage.period_start,
        usage.account_id,
        usage.model_variant,
        models.product_sku,
        sum(usage.total_tokens) as total_tokens,
        sum(sum(usage.total_tokens)) over (
            partition by usage.grain, usage.period_start, usage.account_id, models.product_sku
        ) as family_tokens
    from usage
    inner join models
        on usage.model_variant = models.model_variant
    group by
        usage.grain, usage.period_start, usage.account_id, usage.model_variant, models.product_sku

),

-- The model that has more than half of a family, if any.
leading_models as (

    select * from tokens
    where
        product_sku <> 'Unknown'
        and total_tokens * 2 > family_tokens

),

used_families as (

    select distinct
        grain,
        period_start,
        account_id,
        product_sku
    from tokens
    where family_tokens > 0

),

moves as (

    select
        periods.grain,
        periods.period_start,
        leading_models.account_id,
        max(case when followers.follower is not null then 1 else 0 end) as is_migrated
    from periods
    inner join leading_models
        on
            periods.grain = leading_models.grain
            and periods.previous_period_start = leading_models.period_start
            and periods.previous_period_start >= periods.first_date
    inner join used_families
        on
            periods.grain = used_families.grain
            and periods.period_start = used_families.period_start
            and leading_models.account_id = used_families.account_id
            and leading_models.product_sku = used_families.product_sku
    left join leading_models as later_models
        on
            periods.grain = later_models.grain
            and periods.period_start = later_models.period_start
            and leading_models.account_id = later_models.account_id
            and leading_models.product_sku = later_models.product_sku
    left join followers
        on
            leading_models.model_variant = followers.model_variant
            and later_models.model_variant = followers.follower
    where leading_models.model_variant in (select older.model_variant from followers_1 as older)
    group by periods.grain, periods.period_start, leading_models.account_id

),

earning as (

    select
        tokens.grain,
        tokens.period_start,
        tokens.account_id,
        sum(tokens.total_tokens) as priced_tokens,
        coalesce(
            sum(tokens.total_tokens) filter (where margins.is_above_median), 0
        ) as higher_tokens
    from tokens
    inner join margins
        on {{ columns_equal('tokens', 'margins', ['grain', 'period_start', 'model_variant']) }}
    group by tokens.grain, tokens.period_start, tokens.account_id

),

margin_periods as (

    {{ periods_of(['allocation', 'revenue'], daily='requests') }}

),

counted as (

    select
        accounts.grain,
        accounts.period_start,
        accounts.dimension,
        accounts.dimension_value,
        count(*) as account_count,
        count(moves.account_id) as older_account_count,
        count(*) filter (where moves.is_migrated = 1) as migrated_account_count,
        count(*) filter (where earning.priced_tokens > 0) as margin_account_count,
        count(*) filter (
            where
            earning.priced_tokens > 0
            and earning.higher_tokens >= {{ higher_share }} * earning.priced_tokens
        ) as higher_margin_account_count
    from {{ ref('fct_account_period_dimension') }} as accounts
    left join moves
        on {{ columns_equal('accounts', 'moves', ['grain', 'period_start', 'account_id']) }}
    left join earning
        on {{ columns_equal('accounts', 'earning', ['grain', 'period_start', 'account_id']) }}
    where
        accounts.dimension <> 'product'
        and accounts.total_tokens > 0
    group by
        accounts.grain, accounts.period_start, accounts.dimension, accounts.dimension_value

),

known_members as (

    {{ members_reach() }}

),

-- Without these nobody knows which models follow, or what they earn.
delivered as (

    select
        {{ is_delivered('config_model_dimensions') }} as has_models,
        {{ is_delivered('resource_model_instance_allocation') }}
        and {{ is_delivered('revenue_account_daily') }} as has_margins

),

final as (

    select
        counted.grain,
        counted.period_start,
        counted.dimension,
        counted.dimension_value,
        {{ is_over_and_known('counted') }} as is_complete,
        {{ is_over_and_known('counted') }}
        and margin_periods.is_complete as is_margin_complete,
        cast(counted.account_count as bigint) as account_count,
        {%- for name, condition in {
            'older_account_count': 'has_models', 'migrated_account_count': 'has_models',
            'margin_account_count': 'has_margins', 'higher_margin_account_count': 'has_margins',
        }.items() %}
        cast(case when delivered.{{ condition }} then counted.{{ name }} end as bigint)
            as {{ name }},
        {%- endfor %}
        {{ pct('counted.migrated_account_count', 'counted.older_account_count') }}
            as model_migration_rate_pct,
        {{ pct('counted.higher_margin_account_count', 'counted.margin_account_count') }}
            as higher_margin_model_adoption_rate_pct
    from counted
    inner join periods
        on {{ columns_equal('counted', 'periods', ['grain', 'period_start']) }}
    inner join margin_periods
        on {{ columns_equal('counted', 'margin_periods', ['grain', 'period_start']) }}
    cross join delivered
    cross join known_members

)

select * from final
