-- Grain: one row per account, grain (week, month) and period in which it has seats.
{#
  No source tells the seats of an account: the product users seen in 13 weeks (3 months) up to the
  period stand for them, and so long an account that falls silent is counted. Where the product was
  not observed over all of these, the seats are unknown.
#}
{%- set weeks, months = 13, 3 %}
with periods as (

    select
        grain,
        period_start,
        observed_end_at,
        is_complete,
        {{ days_between(greater('first_date', 'period_start'), 'observed_end') }} + 1
            as observed_days,
        first_date <= case grain
            when 'week' then cast(period_start - interval '{{ 7 * (weeks - 1) }} day' as date)
            else cast(period_start - interval '{{ months - 1 }} month' as date)
        end as is_seat_known
    from {{ ref('int_feed_period') }}
    where feed = 'product_events'

),

user_days as (

    select users.*
    from {{ ref('int_product_user_daily') }} as users
    inner join {{ ref('int_as_of') }} as as_of
        on users.usage_date <= as_of.as_of_date
    where users.account_id <> 'Unknown'

),

dated_users as (

    {{ by_grain('user_days', 'usage_date') }}

),

user_periods as (

    select
        account_id,
        product_user_id,
        grain,
        period_start as seen_period_start,
        sum(session_seconds) as session_seconds
    from dated_users
    group by account_id, product_user_id, grain, period_start

),

user_weeks as (

    select * from user_periods
    where grain = 'week'

),

user_months as (

    select * from user_periods
    where grain = 'month'

),

seats as (

    {{ on_dates('user_weeks', 'period_start', 'seen_period_start', 'day', range(0, 7 * weeks, 7)) }}

    union all

    {{ on_dates('user_months', 'period_start', 'seen_period_start', 'month', range(months)) }}

),

accounts as (

    select
        account_id,
        grain,
        period_start,
        count(distinct product_user_id) as seat_count,
        count(*) filter (where period_start = seen_period_start) as active_users,
        count(session_seconds) filter (where period_start = seen_period_start) as timed_users,
        sum(session_seconds) filter (where period_start = seen_period_start) as session_seconds
    from seats
    group by account_id, grain, period_start

),

active_days as (

    select
        account_id,
        grain,
        period_start,
        count(distinct usage_date) as active_days
    from dated_users
    group by account_id, grain, period_start

),

releases as (select * from {{ ref('dim_feature') }}),

available as (

    select
        periods.grain,
        periods.period_start,
        count(*) as available_features
    from periods
    inner join releases
        on periods.observed_end_at > releases.released_at
    group by periods.grain, periods.period_start

),

feature_usage as (

    {{ by_grain(ref('fct_feature_usage_daily'), 'usage_date') }}

),

-- Use of a feature before its release, or of one never released, is left out.
features as (

    select
        feature_usage.account_id,
        feature_usage.grain,
        feature_usage.period_start,
        count(distinct feature_usage.feature_name) as features_used
    from feature_usage
    inner join releases
        on
            feature_usage.feature_name = releases.feature_name
            and feature_usage.usage_date >= releases.released_date
    group by feature_usage.account_id, feature_usage.grain, feature_usage.period_start

),

final as (

    select
        accounts.account_id,
        periods.grain,
        periods.period_start,
        periods.is_complete,
        cast(periods.observed_days as integer) as observed_days,
        cast(case when periods.is_seat_known then accounts.seat_count end as bigint) as seat_count,
        cast(accounts.active_users as bigint) as active_users,
        cast(accounts.timed_users as bigint) as timed_users,
        cast(accounts.session_seconds as bigint) as session_seconds,
        cast(coalesce(active_days.active_days, 0) as bigint) as active_days,
        cast(
            case when available.available_features > 0 then coalesce(features.features_used, 0) end
            as bigint
        ) as features_used,
        cast(available.available_features as bigint) as available_features
    from accounts
    inner join periods
        on {{ columns_equal('accounts', 'periods', ['grain', 'period_start']) }}
    left join active_days
        on {{ columns_equal('accounts', 'active_days', ['account_id', 'grain', 'period_start']) }}
    left join features
        on {{ columns_equal('accounts', 'features', ['account_id', 'grain', 'period_start']) }}
    left join available
        on {{ columns_equal('accounts', 'available', ['grain', 'period_start']) }}

)

select * from final
