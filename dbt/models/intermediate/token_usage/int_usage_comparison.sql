-- Grain: one row per grain (week, month, ytd) and period since requests are observed.
{# The period that each reporting period compares with. #}
with first_observed as (

    select first_date from {{ ref('int_first_observed') }}
    where feed = 'requests'

),

final as (

    select
        periods.grain,
        periods.period_start,
        periods.observed_end,
        periods.is_complete,
        {{ greater('periods.period_start', 'first_observed.first_date') }} as observed_from_date,
        first_observed.first_date,
        case periods.grain
            when 'week' then cast(periods.period_start - interval '7 day' as date)
            when 'month' then cast(periods.period_start - interval '1 month' as date)
            when 'ytd' then cast(periods.period_start - interval '12 month' as date)
        end as previous_period_start,
        -- A running fiscal year compares with the same span of the year before.
        case
            when periods.grain = 'ytd' and not periods.is_complete
                then cast(periods.observed_end - interval '12 month' as date)
            else cast(periods.period_start - interval '1 day' as date)
        end as previous_period_end
    from {{ ref('int_reporting_period') }} as periods
    inner join first_observed
        on periods.observed_end >= first_observed.first_date

)

select * from final
