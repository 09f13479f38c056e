-- Grain: one row per metric, grain (week, month), period, dimension and member.
{#
  The one home of every O2R number. A metric is computed in its domain mart; here it gets its name.
  Which columns of which mart are which metric stands in metrics/<metric>.yml (metric_registry).
  A value is complete where its mart says so and every feed that it rests on (int_metric_reach)
  reaches the end of the period.
  A value is final once nothing that is still to come can change it by design: its period is whole,
  the window of the metric (final_after_days) is over, and nothing of it is open.
#}
{%- set only = var('only_metrics', []) %}  {#- for unit tests, which then need no other mart #}
with as_of as (select * from {{ ref('int_as_of') }}),

definitions as (

    select
        metric,
        coalesce(final_after_days, 0) as final_after_days
    from {{ ref('metric_definitions') }}

),

periods as (

    select
        grain,
        period_start,
        period_end
    from {{ ref('int_period') }}

),

reaches as (select * from {{ ref('int_metric_reach') }}),

unpivoted as (

    {%- for metric in metric_registry() if not only or metric.metric in only %}

    select
        '{{ metric.metric }}' as metric,
        '{{ metric.layer }}' as layer,
        grain,
        period_start,
        dimension,
        dimension_value,
        {{ metric.is_complete }} as is_complete,
        cast({{ metric.value }} as numeric(38, 6)) as value,
        cast({{ metric.numerator }} as numeric(38, 6)) as numerator,
        cast({{ metric.denominator }} as numeric(38, 6)) as denominator,
        cast({{ metric.open_count }} as bigint) as open_count
    from {{ ref(metric.mart) }}
    where {{ metric.where }}
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

dated as (

    select
        unpivoted.*,
        periods.period_end,
        cast(
            periods.period_end + definitions.final_after_days * interval '1 day' as date
        ) as final_date,
        as_of.as_of_date,
        -- Feeds that were never delivered hold up nothing.
        coalesce(reaches.last_date, as_of.as_of_date) as last_date,
        reaches.days_behind
    from unpivoted
    left join periods
        on {{ columns_equal('unpivoted', 'periods', ['grain', 'period_start']) }}
    left join definitions
        on unpivoted.metric = definitions.metric
    left join reaches
        on {{ columns_equal('unpivoted', 'reaches', ['metric', 'dimension']) }}
    cross join as_of

),

-- A metric that has no value in a period (no week before, no ticket resolved) has no row.
final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'metric', 'grain', 'period_start', 'dimension', 'dimension_value'
        ]) }} as metric_value_key,
        metric,
        layer,
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete and period_end <= last_date as is_complete,
        is_complete and open_count = 0 and final_date <= last_date as is_final,
        cast(
            case when period_end > last_date and period_end <= as_of_date then days_behind end
            as integer
        ) as days_behind,
        final_date,
        open_count,
        value,
        numerator,
        denominator
    from dated
    where value is not null

)

select * from final
