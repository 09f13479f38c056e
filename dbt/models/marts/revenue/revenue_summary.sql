-- Grain: one row per grain (week, month), period and member of each reporting dimension since
-- revenue is observed.
with periods as (

    select * from {{ ref('int_feed_period') }}
    where feed = 'revenue'

),

account_periods as (select * from {{ ref('fct_account_period_dimension') }}),

members as (

    select
        grain,
        dimension,
        dimension_value
    from account_periods
    group by grain, dimension, dimension_value
    having sum(abs(net_revenue)) > 0

),

spine as (

    select
        periods.*,
        members.dimension,
        members.dimension_value,
        -- Rates of change need both periods whole.
        periods.is_complete
        and periods.first_date <= periods.previous_period_start as is_comparable
    from periods
    inner join members
        on periods.grain = members.grain

),

totals as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        sum(net_revenue) as net_revenue,
        count(*) filter (where is_active_paying) as active_accounts
    from account_periods
    group by grain, period_start, dimension, dimension_value

),

filled as (

    select
        spine.*,
        coalesce(totals.net_revenue, 0) as net_revenue,
        coalesce(totals.active_accounts, 0) as active_accounts,
        lag(coalesce(totals.net_revenue, 0)) over (
            partition by spine.grain, spine.dimension, spine.dimension_value
            order by spine.period_start nulls last
        ) as previous_net_revenue
    from spine
    left join totals
        on {{ columns_equal('spine', 'totals', [
            'grain', 'period_start', 'dimension', 'dimension_value',
        ]) }}

),

-- Weeks of compound growth count from the first whole week with revenue of the fiscal year.
first_weeks as (

    select
        fiscal_year_start,
        dimension,
        dimension_value,
        min(period_start) as first_week_start
    from filled
    where
        grain = 'week'
        and period_start >= fiscal_first_period_start
        and period_start >= first_date
    group by fiscal_year_start, dimension, dimension_value

),

revenue_by_member as (

    select
        grain_dimensions.dimension,
        {{ dimension_value({
            'plan_tier': 'accounts.plan_tier',
            'segment': 'accounts.segment',
            'region': 'accounts.home_region',
            'product': 'revenue.product_sku',
        }) }} as dimension_value,
        revenue.revenue_date,
        revenue.net_revenue
    from {{ ref('fct_revenue_daily') }} as revenue
    inner join {{ ref('dim_account') }} as accounts
        on revenue.account_id = accounts.account_id
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on grain_dimensions.grain = 'week'

),

daily as (

    select
        dimension,
        dimension_value,
        revenue_date,
        sum(net_revenue) as net_revenue
    from revenue_by_member
    group by dimension, dimension_value, revenue_date

),

year_to_date as (

    select
        spine.grain,
        spine.period_start,
        spine.dimension,
        spine.dimension_value,
        sum(daily.net_revenue) as ytd_revenue
    from spine
    inner join daily
        on
            spine.dimension = daily.dimension
            and spine.dimension_value = daily.dimension_value
            and spine.fiscal_year_start <= daily.revenue_date
            and spine.observed_end >= daily.revenue_date
    group by spine.grain, spine.period_start, spine.dimension, spine.dimension_value

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        filled.grain,
        filled.period_start,
        filled.dimension,
        filled.dimension_value,
        filled.is_complete
        and {{ knows_members('filled.dimension', 'filled.grain', 'filled.period_start') }}
            as is_complete,
        filled.fiscal_year_start,
        cast(filled.net_revenue as numeric(24, 6)) as net_revenue,
        cast(
            case when filled.is_comparable then filled.previous_net_revenue end as numeric(24, 6)
        ) as previous_net_revenue,
        -- Growth from nothing, or from a net credit, has no meaning.
        {{ pct(
            'filled.net_revenue - filled.previous_net_revenue',
            'case when filled.is_comparable and filled.previous_net_revenue > 0 '
            ~ 'then filled.previous_net_revenue end'
        ) }} as growth_rate_pct,
        cast(coalesce(year_to_date.ytd_revenue, 0) as numeric(24, 6)) as ytd_revenue,
        {{ greater('filled.fiscal_year_start', 'filled.first_date') }} as ytd_from_date,
        first_weeks.first_week_start,
        cast(first_week.net_revenue as numeric(24, 6)) as first_week_revenue,
        cast(
            case
                when
                    filled.grain = 'week'
                    and filled.is_complete
                    and filled.period_start > first_weeks.first_week_start
                    and first_week.net_revenue > 0
                    and filled.net_revenue >= 0
                    then
                        100 * (
                            power(
                                {{ double_quotient(
                                    'cast(filled.net_revenue as ' ~ type_double() ~ ')',
                                    'cast(first_week.net_revenue as ' ~ type_double() ~ ')'
                                ) }},
                                7.0 / {{ days_between(
                                    'first_weeks.first_week_start', 'filled.period_start'
                                ) }}
                            ) - 1
                        )
            end as numeric(38, 6)
        ) as cwgr_pct,
        cast(filled.active_accounts as bigint) as active_accounts,
        {{ ratio('filled.net_revenue', 'filled.active_accounts') }} as arpa
    from filled
    cross join known_members
    left join year_to_date
        on {{ columns_equal('filled', 'year_to_date', [
            'grain', 'period_start', 'dimension', 'dimension_value',
        ]) }}
    left join first_weeks
        on {{ columns_equal('filled', 'first_weeks', [
            'fiscal_year_start', 'dimension', 'dimension_value',
        ]) }}
    left join filled as first_week
        on
            first_week.grain = 'week'
            and first_weeks.first_week_start = first_week.period_start
            and filled.dimension = first_week.dimension
            and filled.dimension_value = first_week.dimension_value

)

select * from final
