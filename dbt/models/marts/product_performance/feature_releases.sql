-- Grain: one row per grain (week, month), period and member of each account dimension with an
-- account active after a release of the period; of all accounts each period of a known quarter.
{#
  The rate counts pairs of a feature released in the period and an account that uses the product
  within the window from the release: the accounts that could have used it. Releases before the
  product was observed are not judged. The velocity counts the releases of 13 weeks (3 months) up to
  the end of the period; nothing is known of releases before the first.
#}
{%- set window_days = 30 %}
with periods as (

    {{ periods_of(['product_events']) }}

),

releases as (

    select
        features.feature_name,
        features.released_date
    from {{ ref('dim_feature') }} as features
    inner join {{ ref('int_as_of') }} as as_of
        on features.released_at < as_of.as_of_end_at

),

first_release as (

    select min(released_date) as first_date from releases

),

quarters as (

    select
        grain,
        period_start,
        observed_end,
        case grain
            when 'week' then cast(period_start - interval '84 day' as date)
            else cast(period_start - interval '2 month' as date)
        end as quarter_start
    from periods

),

velocity as (

    select
        quarters.grain,
        quarters.period_start,
        count(releases.feature_name) as released_features
    from quarters
    inner join first_release
        on quarters.quarter_start >= first_release.first_date
    left join releases
        on
            quarters.quarter_start <= releases.released_date
            and quarters.observed_end >= releases.released_date
    group by quarters.grain, quarters.period_start

),

release_days as (

    select
        releases.feature_name,
        releases.released_date,
        days.date_day
    from releases
    inner join {{ ref('int_first_observed') }} as first_observed
        on
            first_observed.feed = 'product_events'
            and releases.released_date >= first_observed.first_date
    inner join {{ ref('int_day') }} as days
        on
            releases.released_date <= days.date_day
            and cast(days.date_day - interval '{{ window_days }} day' as date)
            < releases.released_date
    inner join {{ ref('int_as_of') }} as as_of
        on days.date_day <= as_of.as_of_date

),

pairs as (

    select
        release_days.feature_name,
        release_days.released_date,
        product_usage.account_id,
        bool_or(
            product_usage.event_type = 'feature_used'
            and product_usage.feature_name = release_days.feature_name
        ) as is_adopted
    from release_days
    inner join {{ ref('int_product_usage_daily') }} as product_usage
        on release_days.date_day = product_usage.usage_date
    where
        product_usage.account_id is not null
        and product_usage.account_id <> 'Unknown'
    group by release_days.feature_name, release_days.released_date, product_usage.account_id

),

counted as (

    {{ by_account_member('pairs', 'released_date', {
        'exposed_pairs': 'count(*)',
        'adopted_pairs': 'count(*) filter (where coalesce(pairs.is_adopted, false))',
    }) }}

),

parts as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        cast(null as bigint) as released_features,
        exposed_pairs,
        adopted_pairs
    from counted

    union all

    select
        grain,
        period_start,
        'all' as dimension,
        'all' as dimension_value,
        released_features,
        cast(null as bigint) as exposed_pairs,
        cast(null as bigint) as adopted_pairs
    from velocity

),

summed as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        max(released_features) as released_features,
        sum(exposed_pairs) as exposed_pairs,
        sum(adopted_pairs) as adopted_pairs
    from parts
    group by grain, period_start, dimension, dimension_value

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        periods.grain,
        periods.period_start,
        summed.dimension,
        summed.dimension_value,
        {{ is_over_and_known('summed') }} as is_complete,
        all_periods.is_complete as is_over,
        cast(summed.released_features as bigint) as released_features,
        cast(summed.exposed_pairs as bigint) as exposed_pairs,
        cast(summed.adopted_pairs as bigint) as adopted_pairs,
        {{ pct('summed.adopted_pairs', 'summed.exposed_pairs') }} as post_release_adoption_rate_pct
    from summed
    inner join periods
        on {{ columns_equal('summed', 'periods', ['grain', 'period_start']) }}
    inner join {{ ref('int_period') }} as all_periods
        on {{ columns_equal('periods', 'all_periods', ['grain', 'period_start']) }}
    cross join known_members

)

select * from final
