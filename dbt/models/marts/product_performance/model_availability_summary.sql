-- Grain: one row per grain, period, model variant and source region with a known availability.
with periods as (select * from {{ ref('int_period') }}),

history as (

    select * from {{ ref('dim_model_availability_history') }}
    where is_active is not null

),

clipped as (

    select
        periods.grain,
        periods.period_start,
        periods.is_complete,
        history.model_variant,
        history.source_region,
        history.is_active,
        case
            when history.valid_from_date > periods.period_start then history.valid_from_date
            else periods.period_start
        end as from_date,
        case
            when history.valid_to_date <= periods.observed_end then history.valid_to_date
            else cast(periods.observed_end + interval '1 day' as date)
        end as to_date
    from periods
    inner join history
        on
            periods.observed_end >= history.valid_from_date
            and periods.period_start < history.valid_to_date

),

days as (

    select
        grain,
        period_start,
        is_complete,
        model_variant,
        source_region,
        sum({{ days_between('from_date', 'to_date') }}) as possible_days,
        sum(
            case when is_active then {{ days_between('from_date', 'to_date') }} else 0 end
        ) as available_days
    from clipped
    group by grain, period_start, is_complete, model_variant, source_region

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'grain', 'period_start', 'model_variant', 'source_region'
        ]) }} as model_availability_key,
        grain,
        period_start,
        model_variant,
        source_region,
        is_complete,
        cast(possible_days as bigint) as possible_days,
        cast(available_days as bigint) as available_days,
        cast(possible_days - available_days as bigint) as unavailable_days,
        {{ pct('available_days', 'possible_days') }} as available_days_pct
    from days

)

select * from final
