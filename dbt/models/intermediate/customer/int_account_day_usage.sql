-- Grain: one row per account and day of int_account_day.
{#
  Distinct users and features of a window are running sums, see distinct_changes. Before the first
  event, or the first release, that was ever delivered nothing is counted. A day that the feed of
  events does not reach shows the last day that it does, so that a gap is no fall; for 6 days.
#}
with account_days as (select * from {{ ref('int_account_day') }}),

reach as (

    {{ reach_of(['product_events']) }}

),

days as (

    select distinct
        day_date,
        day_end_at
    from account_days

),

bounds as (

    select min(day_date) as first_day from days

),

releases as (select * from {{ ref('stg_feature_releases') }}),

events_daily as (

    select
        account_id,
        usage_date,
        sum(event_count) as event_count
    from {{ ref('int_product_usage_daily') }}
    group by account_id, usage_date

),

first_events as (

    select
        account_id,
        min(usage_date) as first_usage_date
    from events_daily
    group by account_id

),

feed_days as (

    select
        usage_date,
        sum(event_count) as event_count
    from events_daily
    group by usage_date

),

feed_start as (

    select min(usage_date) as first_usage_date from feed_days

),

user_days as (

    select
        account_id,
        product_user_id as item,
        usage_date
    from {{ ref('int_product_user_daily') }}

),

-- Use of a feature before its release, or of one never released, is left out.
feature_days as (

    select distinct
        product_usage.account_id,
        product_usage.feature_name as item,
        product_usage.usage_date
    from {{ ref('int_product_usage_daily') }} as product_usage
    inner join releases
        on
            product_usage.feature_name = releases.feature_name
            and product_usage.usage_date >= cast(releases.released_at as date)
    where product_usage.event_type = 'feature_used'

),

user_changes as (

    {{ distinct_changes('user_days', 90, 'bounds') }}

),

feature_changes as (

    {{ distinct_changes('feature_days', 30, 'bounds') }}

),

available as (

    select
        days.day_date,
        count(*) as available_features
    from days
    inner join releases
        on days.day_end_at > releases.released_at
    group by days.day_date

),

joined as (

    select
        account_days.account_id,
        account_days.day_date,
        first_events.first_usage_date <= account_days.day_date as has_used,
        feed_start.first_usage_date <= account_days.day_date as is_delivered,
        {{ days_between(
            greater_known('feed_start.first_usage_date', 'account_days.signed_up_date'),
            'account_days.day_date'
        ) }} + 1 as days_known,
        cast(coalesce(feed_days.event_count, 0) as integer) as feed_events,
        cast(coalesce(events_daily.event_count, 0) as integer) as events,
        cast(coalesce(user_changes.change, 0) as integer) as user_change,
        cast(coalesce(feature_changes.change, 0) as integer) as feature_change,
        available.available_features
    from account_days
    cross join feed_start
    left join first_events
        on account_days.account_id = first_events.account_id
    left join feed_days
        on account_days.day_date = feed_days.usage_date
    left join events_daily
        on
            account_days.account_id = events_daily.account_id
            and account_days.day_date = events_daily.usage_date
    left join user_changes
        on
            account_days.account_id = user_changes.account_id
            and account_days.day_date = user_changes.step_date
    left join feature_changes
        on
            account_days.account_id = feature_changes.account_id
            and account_days.day_date = feature_changes.step_date
    left join available
        on account_days.day_date = available.day_date

),

windowed as (

    select
        account_id,
        day_date,
        available_features,
        is_delivered,
        {{ lesser('days_known', '30') }} as observed_days,
        coalesce(has_used, false)
        and days_known >= {{ setting('health_min_observed_days') }}
        and sum(feed_events) over last_week > 0 as is_measured,
        sum(events) over last_30_days as events_30d,
        sum(events) over the_30_days_before as events_previous_30d,
        count(*) filter (where events > 0) over last_30_days as active_days_30d,
        sum(user_change) over so_far as users_90d,
        sum(feature_change) over so_far as features_30d
    from joined
    window
        last_week as (
            partition by account_id order by day_date nulls last
            rows between 6 preceding and current row
        ),
        last_30_days as (
            partition by account_id order by day_date nulls last
            rows between 29 preceding and current row
        ),
        the_30_days_before as (
            partition by account_id order by day_date nulls last
            rows between 59 preceding and 30 preceding
        ),
        so_far as (
            partition by account_id order by day_date nulls last
            rows between unbounded preceding and current row
        )

),

known as (

    select
        account_days.account_id,
        account_days.day_date,
        windowed.available_features,
        windowed.observed_days,
        windowed.events_30d,
        windowed.events_previous_30d,
        windowed.active_days_30d,
        windowed.users_90d,
        windowed.features_30d,
        coalesce(windowed.is_measured, false)
        and {{ days_between('reach.last_date', 'account_days.day_date') }} <= 6 as is_measured,
        windowed.is_delivered
        and {{ days_between('reach.last_date', 'account_days.day_date') }} <= 6 as is_delivered
    from account_days
    cross join reach
    left join windowed
        on
            account_days.account_id = windowed.account_id
            and {{ lesser('account_days.day_date', 'reach.last_date') }} = windowed.day_date

),

final as (

    select
        account_id,
        day_date,
        is_measured,
        cast(case when is_measured then observed_days end as integer) as observed_days,
        {%- set counts = {
            'events_30d': 'events_30d',
            'events_previous_30d': 'coalesce(events_previous_30d, 0)',
            'active_days_30d': 'active_days_30d',
            'users_90d': 'users_90d',
            'features_30d': 'case when available_features > 0 then features_30d end',
        } %}
        {%- for name, count in counts.items() %}
        cast(case when is_delivered then {{ count }} end as bigint) as {{ name }},
        {%- endfor %}
        cast(available_features as bigint) as available_features
    from known

)

select * from final
