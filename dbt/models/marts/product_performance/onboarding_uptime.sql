-- Grain: one row per grain (week, month), period and member of each account dimension with a
-- request of an account in weeks 1 to 13 of its age.
{#
  Each account counts each region it used in these weeks once: with the minutes of the period, and
  those in which the region was down. Requests that name no region say nothing of uptime.
#}
with periods as (

    {{ periods_of(['accounts', 'incidents'], daily='requests') }}

),

young_usage as (

    select distinct
        usage.account_id,
        usage.source_region,
        usage.usage_date,
        accounts.plan_tier,
        accounts.segment
    from {{ ref('fct_usage_daily') }} as usage
    inner join {{ ref('dim_account') }} as accounts
        on
            usage.account_id = accounts.account_id
            and usage.usage_date >= accounts.signed_up_date
            and usage.usage_date < cast(
                accounts.signed_up_date + interval '{{ var("adoption_window_days") }} day' as date
            )
    where usage.source_region <> 'Unknown'

),

dated_usage as (

    {{ by_grain('young_usage', 'usage_date') }}

),

account_regions as (

    select distinct
        grain,
        period_start,
        account_id,
        source_region,
        plan_tier,
        segment
    from dated_usage

),

by_member as (

    select
        periods.grain,
        periods.period_start,
        periods.is_complete,
        grain_dimensions.dimension,
        {{ account_dimension_value('account_regions', region='source_region') }} as dimension_value,
        downtime.period_minutes,
        downtime.downtime_minutes,
        downtime.open_downtime_count
    from account_regions
    inner join periods
        on {{ columns_equal('account_regions', 'periods', ['grain', 'period_start']) }}
    inner join {{ ref('fct_downtime_period') }} as downtime
        on
            {{ columns_equal('periods', 'downtime', ['grain', 'period_start']) }}
            and account_regions.source_region = downtime.region
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
        count(*) as account_regions,
        count(*) filter (where open_downtime_count > 0) as open_account_regions,
        sum(period_minutes) as region_minutes,
        sum(downtime_minutes) as downtime_minutes
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
        and {{ knows_members(
            'counted.dimension', 'counted.grain', 'counted.period_start', by_home=false
        ) }} as is_complete,
        cast(counted.account_regions as bigint) as account_regions,
        cast(counted.open_account_regions as bigint) as open_account_regions,
        cast(counted.region_minutes as numeric(18, 6)) as region_minutes,
        cast(counted.downtime_minutes as numeric(18, 6)) as downtime_minutes,
        {{ pct('counted.region_minutes - counted.downtime_minutes', 'counted.region_minutes') }}
            as onboarding_uptime_pct
    from counted
    cross join known_members

)

select * from final
