-- Every metric with values is in the catalogue, in the same layer; every mart the catalogue names
-- exists, and no metric that is not computed claims data.
with observed as (

    select distinct
        metric,
        layer
    from {{ ref('metric_values') }}

),

catalog as (select * from {{ ref('metric_catalog') }})

select
    observed.metric,
    'has values but is not in the catalogue, or in another layer' as problem
from observed
left join catalog
    on {{ columns_equal('observed', 'catalog', ['metric', 'layer']) }}
where catalog.metric is null

union all

select
    metric,
    'names no known mart: ' || coalesce(source_mart, 'nothing') as problem
from catalog
where
    coalesce(source_mart, '') not in (
        'not computed'
        {%- for name in mart_models() %}, '{{ name }}'{% endfor %}
    )

union all

select
    metric,
    'is not computed and yet ' || status as problem
from catalog
where
    source_mart = 'not computed'
    and status <> 'no data'
