-- Grain: one row per reporting grain (week, month) and reporting dimension.
with dimensions as (
    select 'all' as dimension
    union all
    select 'plan_tier' as dimension
    union all
    select 'segment' as dimension
    union all
    select 'region' as dimension
    union all
    select 'product' as dimension
)

select
    grains.grain,
    dimensions.dimension
from (
    select 'week' as grain
    union all
    select 'month' as grain
) as grains
cross join dimensions
