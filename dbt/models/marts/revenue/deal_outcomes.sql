-- Grain: one row per grain (week, month), period of the close and member of each account dimension
-- with a deal closed.
with periods as (

    {{ periods_of(['deals']) }}

),

closed as (

    select
        account_id,
        stage_outcome,
        cycle_days,
        cast(closed_at as date) as closed_date
    from {{ ref('fct_deals') }}
    where closed_at is not null

),

counted as (

    {{ by_account_member('closed', 'closed_date', {
        'won_count': "count(*) filter (where closed.stage_outcome = 'won')",
        'lost_count': "count(*) filter (where closed.stage_outcome = 'lost')",
        'median_cycle_days': percentile(0.5, 'closed.cycle_days'),
    }) }}

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        periods.grain,
        periods.period_start,
        counted.dimension,
        counted.dimension_value,
        {{ is_over_and_known('counted') }} as is_complete,
        cast(counted.won_count as bigint) as won_count,
        cast(counted.lost_count as bigint) as lost_count,
        {{ pct('counted.won_count', '(counted.won_count + counted.lost_count)') }} as win_rate_pct,
        cast(counted.median_cycle_days as numeric(24, 6)) as median_cycle_days
    from counted
    inner join periods
        on {{ columns_equal('counted', 'periods', ['grain', 'period_start']) }}
    cross join known_members

)

select * from final
