-- Grain: one row per revenue period and day observed of it, or of the span it is compared with.
with periods as (select * from {{ ref('int_revenue_period') }}),

final as (

    select
        grain,
        period_start,
        date_day,
        false as is_previous
    from ({{ days_of_periods(
        'periods', 'period_start', 'observed_start', 'observed_end'
    ) }}) as days

    union all

    select
        grain,
        period_start,
        date_day,
        true as is_previous
    from ({{ days_of_periods(
        'periods', 'previous_period_start', 'previous_period_start', 'previous_period_end'
    ) }}) as days
    where is_comparable

)

select * from final
