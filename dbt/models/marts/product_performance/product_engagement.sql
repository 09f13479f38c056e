-- Grain: one row per grain (week, month), period and member of each account dimension with an
-- account that has seats.
{#
  The score of an account weighs three shares: users of its seats, days with use of all days, features
  used of those released. Silent accounts count until their last seat is gone. A share of which the
  whole is unknown leaves the score unknown.
#}
{%- set shares = {
    'seats': ('active_users', 'seat_count'),
    'days': ('active_days', 'observed_days'),
    'features': ('features_used', 'available_features'),
} %}
{%- set weights = var('product_engagement_weights') %}
with account_periods as (select * from {{ ref('fct_account_product_period') }}),

scored as (

    select
        *,
        cast(
            (
                {%- for share, (part, whole) in shares.items() %}
                {{ weights[share] }}
                * cast({{ pct(part, whole) }} as numeric(18, 6)){{ ' +' if not loop.last }}
                {%- endfor %}
            ) / {{ weights.values() | sum }} as numeric(18, 6)
        ) as engagement_score
    from account_periods

),

by_member as (

    select
        scored.*,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value
    from scored
    inner join {{ ref('dim_account') }} as accounts
        on scored.account_id = accounts.account_id
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            scored.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'

),

counted as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        sum(active_users) as active_users,
        sum(timed_users) as timed_users,
        cast(sum(timed_users * observed_days) as numeric(24, 6)) / 7 as user_weeks,
        cast(sum(session_seconds) as numeric(24, 6)) / 3600 as session_hours,
        nullif(count(engagement_score), 0) as scored_accounts,
        sum(engagement_score) as engagement_score_sum
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
        cast(counted.active_users as bigint) as active_users,
        cast(counted.timed_users as bigint) as timed_users,
        cast(counted.session_hours as numeric(24, 6)) as session_hours,
        cast(counted.user_weeks as numeric(24, 6)) as user_weeks,
        {{ ratio('counted.session_hours', 'counted.user_weeks') }} as time_in_product_hours,
        cast(counted.scored_accounts as bigint) as scored_accounts,
        cast(counted.engagement_score_sum as numeric(24, 6)) as engagement_score_sum,
        {{ ratio('counted.engagement_score_sum', 'counted.scored_accounts') }}
            as product_engagement_score
    from counted
    cross join known_members

)

select * from final
