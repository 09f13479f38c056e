-- Months of deal_outcomes say what deal_outcomes_monthly says of them.
select months.month_start
from {{ ref('deal_outcomes_monthly') }} as months
inner join {{ ref('deal_outcomes') }} as outcomes
    on months.month_start = outcomes.period_start
where
    outcomes.grain = 'month'
    and outcomes.dimension = 'all'
    and (
        months.won_count <> outcomes.won_count
        or months.lost_count <> outcomes.lost_count
        or months.win_rate_pct is distinct from outcomes.win_rate_pct
        or months.median_cycle_days is distinct from outcomes.median_cycle_days
        or months.is_complete <> outcomes.is_complete
    )
