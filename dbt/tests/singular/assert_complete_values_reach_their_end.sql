-- No row: a complete value needs each delivered feed that the catalogue names for its metric, up to
-- the end of the period.
select
    metric_values.metric,
    metric_values.grain,
    metric_values.period_start,
    clocks.bronze_table,
    clocks.last_date
from {{ ref('metric_values') }} as metric_values
inner join {{ ref('metric_definitions') }} as definitions
    on metric_values.metric = definitions.metric
inner join {{ ref('int_period') }} as periods
    on {{ columns_equal('metric_values', 'periods', ['grain', 'period_start']) }}
inner join {{ ref('int_feed_clock') }} as clocks
    on ' ' || definitions.feeds || ' ' like '% ' || clocks.feed || ' %'
where
    metric_values.is_complete
    and clocks.last_date < periods.period_end
