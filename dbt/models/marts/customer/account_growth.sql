-- Grain: one row per measure (requests, tokens, users), grain (week, month), complete period and
-- member of each account dimension that has accounts with some of it in this period and the last.
{#
  Accounts of both periods only: who came or left moves no growth. Use that names no account is
  nobody's. Periods of which the one before was not observed from its first day have no row.
#}
{%- set measures = {
    'requests': ('requests', 'request_count'),
    'tokens': ('requests', 'token_count'),
    'users': ('product_events', 'user_count'),
} %}
with periods as (

    select * from {{ ref('int_feed_period') }}
    where
        is_complete
        and first_date <= previous_period_start

),

dated_usage as (

    {{ by_grain(ref('fct_usage_daily'), 'usage_date') }}

),

dated_users as (

    {{ by_grain(ref('int_product_user_daily'), 'usage_date') }}

),

counted as (

    select
        'requests' as feed,
        grain,
        period_start,
        account_id,
        sum(request_count) as request_count,
        sum(total_tokens) as token_count,
        cast(null as bigint) as user_count
    from dated_usage
    where account_id <> 'Unknown'
    group by grain, period_start, account_id

    union all

    select
        'product_events' as feed,
        grain,
        period_start,
        account_id,
        cast(null as bigint) as request_count,
        cast(null as bigint) as token_count,
        count(distinct product_user_id) as user_count
    from dated_users
    where account_id <> 'Unknown'
    group by grain, period_start, account_id

),

amounts as (

    {%- for measure, (feed, column) in measures.items() %}
    select
        '{{ measure }}' as measure,
        feed,
        grain,
        period_start,
        account_id,
        {{ column }} as amount
    from counted
    where
        feed = '{{ feed }}'
        and {{ column }} > 0
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

),

pairs as (

    select
        later.measure,
        periods.grain,
        periods.period_start,
        periods.previous_period_start as base_period_start,
        later.account_id,
        base.amount as base_amount,
        later.amount as later_amount
    from periods
    inner join amounts as later
        on {{ columns_equal('periods', 'later', ['feed', 'grain', 'period_start']) }}
    inner join amounts as base
        on
            {{ columns_equal('later', 'base', ['measure', 'grain', 'account_id']) }}
            and periods.previous_period_start = base.period_start

),

pairs_by_member as (

    select
        pairs.*,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value
    from pairs
    inner join {{ ref('dim_account') }} as accounts
        on pairs.account_id = accounts.account_id
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            pairs.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'

),

summed as (

    select
        measure,
        grain,
        period_start,
        dimension,
        dimension_value,
        base_period_start,
        count(*) as account_count,
        sum(base_amount) as base_amount,
        sum(later_amount) as later_amount
    from pairs_by_member
    group by measure, grain, period_start, dimension, dimension_value, base_period_start

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        summed.measure,
        summed.grain,
        summed.period_start,
        summed.dimension,
        summed.dimension_value,
        summed.base_period_start,
        {{ knows_members('summed.dimension', 'summed.grain', 'summed.period_start') }}
            as is_complete,
        cast(summed.account_count as bigint) as account_count,
        cast(summed.base_amount as bigint) as base_amount,
        cast(summed.later_amount as bigint) as later_amount,
        {{ pct('summed.later_amount - summed.base_amount', 'summed.base_amount') }} as growth_pct
    from summed
    cross join known_members

)

select * from final
