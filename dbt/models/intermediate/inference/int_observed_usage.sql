-- Grain: one row per account, model variant, region, scope, traffic type and day up to the as-of day.
{{ config(materialized='ephemeral') }}
{# The one place that says which usage a mart may count: nothing later than the as-of day. #}
select usage.*
from {{ ref('int_token_usage_daily') }} as usage
inner join {{ ref('int_as_of') }} as as_of
    on usage.usage_date <= as_of.as_of_date
