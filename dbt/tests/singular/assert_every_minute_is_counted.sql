-- int_token_usage_rates finds percentiles by counts of minutes, then reads the minutes themselves:
-- both must be of the same build.
with minutes as (

    select
        entity_type,
        usage_date,
        count(*) as minute_count
    from {{ ref('int_token_usage_entity_minute') }}
    group by entity_type, usage_date

),

counts as (

    select
        entity_type,
        usage_date,
        sum(minute_count) as minute_count
    from {{ ref('int_token_usage_minute_counts') }}
    group by entity_type, usage_date

)

select
    coalesce(minutes.entity_type, counts.entity_type) as entity_type,
    coalesce(minutes.usage_date, counts.usage_date) as usage_date,
    minutes.minute_count as minutes,
    counts.minute_count as minutes_counted
from minutes
full outer join counts
    on {{ columns_equal('minutes', 'counts', ['entity_type', 'usage_date']) }}
where minutes.minute_count is distinct from counts.minute_count
