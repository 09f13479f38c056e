-- Grain: one row per grain (week, month), period and member of each account dimension with an
-- account that sent a request.
{#
  A request that names no model, or no account, is no model and no account more.
  Depth of an account: of the APIs, models and regions that any account used in the period, and of the
  features released by its end, the shares that it used on as many days as below; their mean. A share
  of which the whole is unknown leaves the score unknown, and so does a period in which the product
  was not observed from the first day.
#}
{%- set steady_days = 2 %}
{%- set kinds = ['api', 'model', 'region', 'feature'] %}
with periods as (

    select
        requests.grain,
        requests.period_start,
        requests.observed_end_at,
        requests.is_complete,
        coalesce(events.first_date <= events.period_start, false) as is_product_observed
    from {{ ref('int_feed_period') }} as requests
    left join {{ ref('int_feed_period') }} as events
        on
            {{ columns_equal('requests', 'events', ['grain', 'period_start']) }}
            and events.feed = 'product_events'
    where requests.feed = 'requests'

),

releases as (select * from {{ ref('dim_feature') }}),

items as (

    select
        'api' as kind,
        api_usage.account_id,
        api_usage.api_name as item,
        api_usage.usage_date
    from {{ ref('int_api_usage_daily') }} as api_usage
    inner join {{ ref('int_as_of') }} as as_of
        on api_usage.usage_date <= as_of.as_of_date

    union all
    {%- for kind, column in [('model', 'model_variant'), ('region', 'source_region')] %}

    select
        '{{ kind }}' as kind,
        account_id,
        {{ column }} as item,
        usage_date
    from {{ ref('fct_usage_daily') }}

    union all
    {%- endfor %}

    select
        'feature' as kind,
        feature_usage.account_id,
        feature_usage.feature_name as item,
        feature_usage.usage_date
    from {{ ref('fct_feature_usage_daily') }} as feature_usage
    inner join releases
        on
            feature_usage.feature_name = releases.feature_name
            and feature_usage.usage_date >= releases.released_date

),

dated_items as (

    {{ by_grain('items', 'usage_date') }}

),

item_periods as (

    select
        grain,
        period_start,
        account_id,
        kind,
        item,
        count(distinct usage_date) as used_days
    from dated_items
    where account_id <> 'Unknown'
    group by grain, period_start, account_id, kind, item

),

offers as (

    select
        {%- for kind in kinds if kind != 'feature' %}
        count(distinct case when kind = '{{ kind }}' and item <> 'Unknown' then item end)
            as {{ kind }}_offers,
        {%- endfor %}
        grain,
        period_start
    from item_periods
    group by grain, period_start

),

available as (

    select
        periods.grain,
        periods.period_start,
        count(*) as feature_offers
    from periods
    inner join releases
        on periods.observed_end_at > releases.released_at
    group by periods.grain, periods.period_start

),

account_periods as (

    select
        {%- for kind in kinds %}
        count(*) filter (
            where kind = '{{ kind }}' and item <> 'Unknown' and used_days >= {{ steady_days }}
        ) as steady_{{ kind }}s,
        {%- endfor %}
        count(*) filter (where kind = 'model' and item <> 'Unknown') as model_count,
        grain,
        period_start,
        account_id
    from item_periods
    group by grain, period_start, account_id
    -- Every request has a model, if only Unknown; use of features alone is no request.
    having count(*) filter (where kind = 'model') > 0

),

by_member as (

    select
        periods.grain,
        periods.period_start,
        periods.is_complete,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value,
        account_periods.model_count,
        case
            when periods.is_product_observed
                then cast(
                    (
                        {%- for kind in kinds %}
                        {{ pct('account_periods.steady_' ~ kind ~ 's', kind ~ '_offers') }}
                        {{- ' +' if not loop.last }}
                        {%- endfor %}
                    ) / {{ kinds | length }} as numeric(18, 6)
                )
        end as depth_score
    from account_periods
    inner join periods
        on {{ columns_equal('account_periods', 'periods', ['grain', 'period_start']) }}
    inner join offers
        on {{ columns_equal('periods', 'offers', ['grain', 'period_start']) }}
    left join available
        on {{ columns_equal('periods', 'available', ['grain', 'period_start']) }}
    inner join {{ ref('dim_account') }} as accounts
        on account_periods.account_id = accounts.account_id
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            periods.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'

),

counted as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        count(*) as active_accounts,
        count(*) filter (where model_count >= 2) as multi_model_accounts,
        nullif(count(depth_score), 0) as scored_accounts,
        sum(depth_score) as depth_score_sum
    from by_member
    group by grain, period_start, dimension, dimension_value, is_complete

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        counted.grain,
        counted.period_start,
        counted.dimension,
        counted.dimension_value,
        counted.is_complete
        and {{ knows_members('counted.dimension', 'counted.grain', 'counted.period_start') }}
            as is_complete,
        cast(counted.active_accounts as bigint) as active_accounts,
        cast(counted.multi_model_accounts as bigint) as multi_model_accounts,
        {{ pct('counted.multi_model_accounts', 'counted.active_accounts') }}
            as multi_model_adoption_rate_pct,
        cast(counted.scored_accounts as bigint) as scored_accounts,
        cast(counted.depth_score_sum as numeric(24, 6)) as depth_score_sum,
        {{ ratio('counted.depth_score_sum', 'counted.scored_accounts') }} as integration_depth_score
    from counted
    cross join known_members

)

select * from final
