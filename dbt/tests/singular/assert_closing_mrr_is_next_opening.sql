-- Every member opens a period with the MRR and accounts with which it closed the one before.
with waterfall as (

    select
        waterfall.*,
        periods.previous_period_start
    from {{ ref('mrr_waterfall') }} as waterfall
    inner join {{ ref('int_period') }} as periods
        on {{ columns_equal('waterfall', 'periods', ['grain', 'period_start']) }}

)

select
    later.grain,
    later.period_start,
    later.dimension,
    later.dimension_value,
    earlier.closing_mrr as previous_closing_mrr,
    later.opening_mrr,
    earlier.closing_accounts as previous_closing_accounts,
    later.opening_accounts
from waterfall as later
left join waterfall as earlier
    on
        later.grain = earlier.grain
        and later.previous_period_start = earlier.period_start
        and later.dimension = earlier.dimension
        and later.dimension_value = earlier.dimension_value
where
    -- A member begins from nothing.
    later.opening_mrr <> coalesce(earlier.closing_mrr, 0)
    or later.opening_accounts <> coalesce(earlier.closing_accounts, 0)
