-- The balances per account that the semantic layer reads add up to the metric of every week and
-- month, on its newest day. A run rate has none in a month before its first week has ended.
with balances as (

    select
        'ytd_revenue' as metric,
        'earned' as basis,
        snapshot_date,
        sum(ytd_revenue) as value
    from {{ ref('fct_revenue_year_to_date') }}
    group by snapshot_date

    union all

    select
        'mrr' as metric,
        basis,
        snapshot_date,
        sum(mrr) as value
    from {{ ref('fct_mrr_snapshot') }}
    group by snapshot_date, basis

),

newest as (

    select
        periods.grain,
        periods.period_start,
        balances.metric,
        max(balances.snapshot_date) as snapshot_date
    from {{ ref('int_period') }} as periods
    inner join balances
        on
            periods.period_start <= balances.snapshot_date
            and periods.observed_end >= balances.snapshot_date
    group by periods.grain, periods.period_start, balances.metric

),

found as (

    select
        newest.grain,
        newest.period_start,
        newest.metric,
        balances.basis,
        balances.value
    from newest
    inner join balances
        on {{ columns_equal('newest', 'balances', ['metric', 'snapshot_date']) }}

),

expected as (

    select
        grain,
        period_start,
        'ytd_revenue' as metric,
        'earned' as basis,
        ytd_revenue as value
    from {{ ref('revenue_summary') }}
    where dimension = 'all'

    union all

    select
        grain,
        period_start,
        'mrr' as metric,
        basis,
        mrr as value
    from {{ ref('recurring_revenue') }}
    where
        dimension = 'all'
        and (basis = 'contract' or grain = 'week' or is_complete)

)

select
    expected.grain as expected_grain,
    expected.period_start as expected_period_start,
    expected.metric as expected_metric,
    expected.value as expected_value,
    found.*
from expected
full outer join found
    on {{ columns_equal('expected', 'found', ['grain', 'period_start', 'metric', 'basis']) }}
where
    coalesce(abs(expected.value - found.value) > 0.01, true)
    -- The unfinished month of a run rate may have a balance already.
    and not (expected.grain is null and found.basis = 'run_rate' and found.grain = 'month')
