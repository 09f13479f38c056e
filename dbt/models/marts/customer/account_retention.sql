-- Grain: one row per grain (week, month), complete period, comparison and member of each reporting
-- dimension.
{#
  comparison: previous_period, or fiscal_year_start (the first whole period of the fiscal year).
  Accounts: active and paying in the base period, and still so in this one.
  Usage: tokens of the accounts that had signed up before the base period began.
#}
with periods as (

    select * from {{ ref('int_period') }}
    where is_complete

),

account_periods as (select * from {{ ref('fct_account_period_dimension') }}),

coverage as (

    select
        min(first_date) filter (where feed = 'revenue') as revenue_first_date,
        min(first_date) filter (where feed = 'requests') as requests_first_date
    from {{ ref('int_first_observed') }}

),

paying_reach as (

    {{ reach_of(['revenue', 'accounts']) }}

),

requests_reach as (

    {{ reach_of(['requests']) }}

),

-- A rate and its parts are empty where a feed that they read does not hold both periods.
reach as (

    select
        paying_reach.last_date as paying_last_date,
        requests_reach.last_date as requests_last_date
    from paying_reach
    cross join requests_reach

),

comparisons as (

    select
        grain,
        period_start,
        'previous_period' as comparison,
        previous_period_start as base_period_start,
        period_end
    from periods

    union all

    select
        grain,
        period_start,
        'fiscal_year_start' as comparison,
        fiscal_first_period_start as base_period_start,
        period_end
    from periods
    where period_start > fiscal_first_period_start

),

base_accounts as (

    select
        comparisons.grain,
        comparisons.period_start,
        comparisons.comparison,
        comparisons.base_period_start,
        base.dimension,
        base.dimension_value,
        base.account_id,
        comparisons.base_period_start >= coverage.revenue_first_date
        and comparisons.period_end <= reach.paying_last_date as is_paying_known,
        base.is_active_paying
        and comparisons.base_period_start >= coverage.revenue_first_date
        and comparisons.period_end <= reach.paying_last_date as is_base_account,
        coalesce(later.is_active_paying, false) as is_still_active,
        case
            when
                base.signed_up_date < comparisons.base_period_start
                and comparisons.base_period_start >= coverage.requests_first_date
                and comparisons.period_end <= reach.requests_last_date
                then base.total_tokens
        end as base_tokens,
        case
            when
                base.signed_up_date < comparisons.base_period_start
                and comparisons.base_period_start >= coverage.requests_first_date
                and comparisons.period_end <= reach.requests_last_date
                then case when later.account_id is null then 0 else later.total_tokens end
        end as later_tokens
    from comparisons
    cross join coverage
    cross join reach
    inner join account_periods as base
        on
            comparisons.grain = base.grain
            and comparisons.base_period_start = base.period_start
    left join account_periods as later
        on
            comparisons.grain = later.grain
            and comparisons.period_start = later.period_start
            and base.dimension = later.dimension
            and base.dimension_value = later.dimension_value
            and base.account_id = later.account_id

),

-- Accounts that existed before the base period but used nothing in it.
returning_accounts as (

    select
        comparisons.grain,
        comparisons.period_start,
        comparisons.comparison,
        comparisons.base_period_start,
        later.dimension,
        later.dimension_value,
        later.account_id,
        comparisons.base_period_start >= coverage.revenue_first_date
        and comparisons.period_end <= reach.paying_last_date as is_paying_known,
        false as is_base_account,
        false as is_still_active,
        cast(case when later.total_tokens is not null then 0 end as bigint) as base_tokens,
        later.total_tokens as later_tokens
    from comparisons
    inner join account_periods as later
        on
            comparisons.grain = later.grain
            and comparisons.period_start = later.period_start
            and comparisons.base_period_start > later.signed_up_date
    inner join coverage
        on comparisons.base_period_start >= coverage.requests_first_date
    inner join reach
        on comparisons.period_end <= reach.requests_last_date
    left join account_periods as base
        on
            comparisons.grain = base.grain
            and comparisons.base_period_start = base.period_start
            and later.dimension = base.dimension
            and later.dimension_value = base.dimension_value
            and later.account_id = base.account_id
    where base.account_id is null

),

pairs as (

    select * from base_accounts

    union all

    select * from returning_accounts

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        pairs.grain,
        pairs.period_start,
        pairs.comparison,
        pairs.base_period_start,
        pairs.dimension,
        pairs.dimension_value,
        {{ knows_members('pairs.dimension', 'pairs.grain', 'pairs.period_start') }} as is_complete,
        cast(
            case
                when bool_or(pairs.is_paying_known)
                    then count(*) filter (where pairs.is_base_account)
            end as bigint
        ) as base_accounts,
        cast(
            case
                when bool_or(pairs.is_paying_known)
                    then count(*) filter (where pairs.is_base_account and pairs.is_still_active)
            end as bigint
        ) as retained_accounts,
        {{ pct(
            'count(*) filter (where pairs.is_base_account and pairs.is_still_active)',
            'count(*) filter (where pairs.is_base_account)'
        ) }} as retention_rate_pct,
        cast(sum(pairs.base_tokens) as bigint) as base_tokens,
        cast(sum(pairs.later_tokens) as bigint) as later_tokens,
        {{ pct('sum(pairs.later_tokens)', 'sum(pairs.base_tokens)') }} as usage_retention_rate_pct
    from pairs
    cross join known_members
    group by
        pairs.grain, pairs.period_start, pairs.comparison, pairs.base_period_start,
        pairs.dimension, pairs.dimension_value,
        known_members.accounts_date, known_members.plans_date

)

select * from final
