-- Grain: one row per grain (week, month), period and member of each account dimension with a
-- started flow.
{# A flow counts as abandoned once its window has closed, so a period is final a window later. #}
with as_of as (select * from {{ ref('int_as_of') }}),

periods as (

    {{ periods_of(['onboarding']) }}

),

reach as (

    {{ reach_of(['onboarding']) }}

),

known_members as (

    {{ members_reach() }}

),

flows as (

    {{ by_grain(ref('fct_flows'), 'started_date') }}

),

final as (

    select
        periods.grain,
        periods.period_start,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value,
        {{ is_over_and_known('grain_dimensions') }} as is_complete,
        {{ is_over_and_known('grain_dimensions') }}
        and {{ is_window_over(
            'periods.period_end', var('flow_window_days'), 'as_of.as_of_date'
        ) }}
        and {{ is_window_over(
            'periods.period_end', var('flow_window_days'), 'reach.last_date'
        ) }} as is_final,
        cast(count(*) as bigint) as started_flows,
        cast(count(*) filter (where flows.is_judged) as bigint) as judged_flows,
        cast(count(*) filter (where flows.is_abandoned) as bigint) as abandoned_flows,
        cast(count(*) filter (where flows.is_finished) as bigint) as completed_flows,
        {{ pct(
            'count(*) filter (where flows.is_abandoned)', 'count(*) filter (where flows.is_judged)'
        ) }} as abandonment_rate_pct,
        {{ pct(
            'count(*) filter (where flows.is_finished)', 'count(*) filter (where flows.is_judged)'
        ) }} as journey_completion_rate_pct
    from flows
    inner join {{ ref('dim_account') }} as accounts
        on flows.account_id = accounts.account_id
    inner join periods
        on {{ columns_equal('flows', 'periods', ['grain', 'period_start']) }}
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            periods.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'
    cross join as_of
    cross join known_members
    cross join reach
    group by 1, 2, 3, 4, 5, 6

)

select * from final
