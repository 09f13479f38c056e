-- Grain: one row per metric and ISO week of which the week before is final too.
{#
  What a week of the company adds to what the week before foretells (first-order autoregression of the
  final values): else a trend, or a swing back, would look like an effect in o2r_driver_links.
#}
with lagged as (

    select
        metric,
        period_start as week_start,
        cast(value as {{ type_double() }}) as value,
        lag(cast(value as {{ type_double() }}))
            over (partition by metric order by period_start nulls last) as value_before,
        lag(period_start) over (partition by metric order by period_start nulls last) as week_before
    from {{ ref('metric_values') }}
    where
        grain = 'week'
        and dimension = 'all'
        and is_final

),

centred as (

    select
        metric,
        week_start,
        value - avg(value) over (partition by metric) as value,
        value_before - avg(value_before) over (partition by metric) as value_before
    from lagged
    where {{ days_between('week_before', 'week_start') }} = 7

),

persistence as (

    select
        metric,
        case
            when sum(value_before * value_before) > 1e-9
                then {{ double_quotient(
                    'sum(value * value_before)', 'sum(value_before * value_before)'
                ) }}
            else 0
        end as share_kept,
        sqrt(avg(value * value)) as deviation
    from centred
    group by metric

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['centred.metric', 'centred.week_start']) }}
            as company_week_key,
        centred.metric,
        centred.week_start,
        cast(persistence.share_kept as numeric(18, 6)) as share_kept,
        cast(
            case
                when persistence.deviation > 1e-9
                    then {{ double_quotient(
                        'centred.value - persistence.share_kept * centred.value_before',
                        'persistence.deviation'
                    ) }}
                else 0
            end as numeric(18, 6)
        ) as news
    from centred
    inner join persistence
        on centred.metric = persistence.metric

)

select * from final
