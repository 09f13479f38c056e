-- The members of every dimension of an additive metric add up to its total in every period.
{{ config(store_failures=true) }}

with additive_values as (

    select metric_values.*
    from {{ ref('metric_values') }} as metric_values
    inner join {{ ref('metric_catalog') }} as metric_catalog
        on metric_values.metric = metric_catalog.metric
    where metric_catalog.additivity = 'additive'

),

totals as (

    select * from additive_values
    where dimension = 'all'

),

members as (

    select
        metric,
        grain,
        period_start,
        dimension,
        sum(value) as value
    from additive_values
    where dimension <> 'all'
    group by metric, grain, period_start, dimension

),

dimensions as (

    select distinct
        metric,
        dimension
    from members

),

-- A period in which a dimension has no member at all is compared too.
expected as (

    select
        totals.metric,
        totals.grain,
        totals.period_start,
        dimensions.dimension,
        totals.value
    from totals
    inner join dimensions
        on totals.metric = dimensions.metric

)

select
    coalesce(expected.metric, members.metric) as metric,
    coalesce(expected.grain, members.grain) as grain,
    coalesce(expected.period_start, members.period_start) as period_start,
    coalesce(expected.dimension, members.dimension) as dimension,
    expected.value as total_value,
    members.value as sum_of_members
from expected
full outer join members
    on {{ columns_equal('expected', 'members', ['metric', 'grain', 'period_start', 'dimension']) }}
where coalesce(expected.value, 0) <> coalesce(members.value, 0)
