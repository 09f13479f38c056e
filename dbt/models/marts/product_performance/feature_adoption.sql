-- Grain: one row per grain (week, month), period and member of each account dimension with an
-- account in weeks 1 to 13 of its age, since the first release.
{#
  An account adopts in a period when it uses, in these weeks, the share below of the features released
  by the end of the period. Use of a feature before its release, or of one never released, is left
  out, and so are accounts whose sign-up nobody told.
#}
{%- set adopted_pct = 25 %}
{%- set days = var('adoption_window_days') %}
with periods as (

    {{ periods_of(['accounts'], daily='product_events') }}

),

accounts as (

    select
        account_id,
        plan_tier,
        segment,
        home_region,
        signed_up_date,
        {{ period_of('signed_up_date', "'week'") }} as sign_up_week,
        {{ period_of('signed_up_date', "'month'") }} as sign_up_month
    from {{ ref('dim_account') }}
    where signed_up_date is not null

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

young_weeks as (

    {{ on_dates('accounts', 'period_start', 'sign_up_week', 'day', range(0, days + 7, 7)) }}

),

young_months as (

    {{ on_dates('accounts', 'period_start', 'sign_up_month', 'month', range(days // 28 + 2)) }}

),

young as (

    select
        'week' as grain,
        young_weeks.*
    from young_weeks

    union all

    select
        'month' as grain,
        young_months.*
    from young_months

),

feature_usage as (

    {{ by_grain(ref('fct_feature_usage_daily'), 'usage_date') }}

),

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
    inner join accounts
        on
            feature_usage.account_id = accounts.account_id
            and feature_usage.usage_date >= accounts.signed_up_date
            and feature_usage.usage_date
            < cast(accounts.signed_up_date + interval '{{ days }} day' as date)
    group by feature_usage.account_id, feature_usage.grain, feature_usage.period_start

),

by_member as (

    select
        periods.grain,
        periods.period_start,
        periods.is_complete,
        grain_dimensions.dimension,
        {{ account_dimension_value('young') }} as dimension_value,
        100 * coalesce(features.features_used, 0)
        >= {{ adopted_pct }} * available.available_features as is_adopting
    from young
    inner join periods
        on
            {{ columns_equal('young', 'periods', ['grain', 'period_start']) }}
            and young.signed_up_date <= periods.observed_end
            and cast(young.signed_up_date + interval '{{ days }} day' as date)
            > periods.period_start
    inner join available
        on {{ columns_equal('periods', 'available', ['grain', 'period_start']) }}
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            periods.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'
    left join features
        on {{ columns_equal('young', 'features', ['account_id', 'grain', 'period_start']) }}

),

counted as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        count(*) as young_accounts,
        count(*) filter (where is_adopting) as adopting_accounts
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
        cast(counted.young_accounts as bigint) as young_accounts,
        cast(counted.adopting_accounts as bigint) as adopting_accounts,
        {{ pct('counted.adopting_accounts', 'counted.young_accounts') }}
            as feature_adoption_rate_pct
    from counted
    cross join known_members

)

select * from final
