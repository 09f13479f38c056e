-- Grain: one row per daily feed, grain (week, month) and period since the feed is observed.
{#
  A feed that speaks every day proves from which day on it was observed. A sparse one (tickets,
  incidents, contracts, surveys) does not: its first row may come long after it was first watched.
  Up to which day a feed is known its clock says, int_feed_clock.
#}
with first_observed as (

    select
        feed,
        first_date
    from {{ ref('int_first_observed') }}
    where feed in ('requests', 'revenue', 'utilization', 'product_events')

),

reaches as (

    select
        feed,
        min(last_date) as last_date
    from {{ ref('int_feed_clock') }}
    group by feed

),

final as (

    select
        first_observed.feed,
        first_observed.first_date,
        periods.grain,
        periods.period_start,
        periods.period_end,
        periods.previous_period_start,
        periods.observed_end,
        periods.observed_end_at,
        periods.is_complete
        and first_observed.first_date <= periods.period_start
        and coalesce(periods.period_end <= reaches.last_date, false) as is_complete,
        periods.fiscal_year_start,
        periods.fiscal_first_period_start
    from first_observed
    inner join {{ ref('int_period') }} as periods
        on first_observed.first_date <= periods.observed_end
    left join reaches
        on first_observed.feed = reaches.feed

)

select * from final
