-- Grain: one row per bronze table, the last day that it is stated to be complete to.
with

source as (
    {{ delivered('company', 'feed_statements') }}
),

cleaned as (
    select
        lower(trim(bronze_table)) as bronze_table,
        cast(complete_to as date) as complete_to_date
    from source
),

final as (
    select
        bronze_table,
        max(complete_to_date) as complete_to_date
    from cleaned
    group by bronze_table
)

select * from final
