{#- Statistics of paired values, in SQL that every engine reads. -#}

{#-
  Select a CTE (account_id, week_start, metric, value) with each value less its account's mean and its
  week's mean, plus the overall one: neither big accounts nor common trends are left in it.
-#}
{% macro two_way_demeaned(relation) -%}
    select
        account_id,
        week_start,
        metric,
        value
        - avg(value) over (partition by metric, account_id)
        - avg(value) over (partition by metric, week_start)
        + avg(value) over (partition by metric) as value
    from {{ relation }}
{%- endmacro %}

{#-
  Select the rows of a CTE with week_start once for each lag of 1 to `lags` weeks, with lag_weeks and
  outcome_week_start: each value beside the week on which its outcome is looked for, so that weeks meet
  by equality.
-#}
{% macro led_by_weeks(relation, lags) -%}
    {%- for lag_weeks in range(1, lags + 1) %}
    select
        *,
        {{ lag_weeks }} as lag_weeks,
        cast(week_start + {{ 7 * lag_weeks }} * interval '1 day' as date) as outcome_week_start
    from {{ relation }}
    {%- if not loop.last %}

    union all
{% endif %}
    {%- endfor %}
{%- endmacro %}

{#-
  Select, by `keys`, the correlation of x and y (both centred) with a standard error that holds what
  goes together within clusters: of the slope, each cluster left out once (jackknife, CR3).
  clusters: CTE (keys, pair_count, xx, xy, yy), a row per cluster with the sums of x * x, x * y, y * y.
  quantile: of the normal distribution, of both sides; Student's t adds (q^3 + q) / 4 per degree of freedom.
  least: pairs, clusters, and over how many clusters x * x and y * y must be spread; fewer say nothing.
  Columns beside the keys: pair_count, cluster_count, correlation, correlation_low, correlation_high,
  strength (of the correlation in standard errors).
-#}
{% macro clustered_correlations(clusters, keys, quantile, least) -%}
    {%- set slope = double_quotient('sum_xy', 'sum_xx') -%}
    {%- set slope_without = double_quotient('sum_xy - xy', 'rest_xx') -%}
    with totals as (

        select
            *,
            sum(pair_count) over link as pairs,
            count(*) over link as clusters,
            sum(xx) over link as sum_xx,
            sum(xy) over link as sum_xy,
            sum(yy) over link as sum_yy
        from {{ clusters }}
        window link as (partition by {{ keys | join(', ') }})

    ),

    rests as (

        select
            *,
            case when sum_xx - xx > 1e-9 then sum_xx - xx else 1e-9 end as rest_xx
        from totals
        where
            sum_xx > 1e-9
            and sum_yy > 1e-9

    ),

    slopes as (

        select
            {{ keys | join(', ') }},
            max(pairs) as pair_count,
            cast(max(clusters) as {{ type_double() }}) as cluster_count,
            max(sum_xx) as sum_xx,
            max(sum_xy) as sum_xy,
            max(sum_yy) as sum_yy,
            {{ double_quotient('max(sum_xx) * max(sum_xx)', 'sum(xx * xx)') }} as effective_x,
            {{ double_quotient('max(sum_yy) * max(sum_yy)', 'sum(yy * yy)') }} as effective_y,
            sum(({{ slope_without }} - {{ slope }}) * ({{ slope_without }} - {{ slope }}))
                as slope_squares
        from rests
        group by {{ keys | join(', ') }}

    ),

    correlated as (

        select
            *,
            {{ double_quotient('sum_xy', 'sqrt(sum_xx * sum_yy)') }} as correlation,
            sqrt(slope_squares * {{ double_quotient('sum_xx', 'sum_yy') }})
            * sqrt({{ double_quotient('cluster_count - 1', 'cluster_count') }}) as standard_error,
            {{ quantile }}
            + {{ double_quotient((quantile ** 3 + quantile) / 4, '(cluster_count - 1)') }}
                as t_quantile
        from slopes
        where
            pair_count >= {{ least.pairs }}
            and cluster_count >= {{ least.clusters }}
            and effective_x >= {{ least.spread }}
            and effective_y >= {{ least.spread }}

    )

    select
        {{ keys | join(', ') }},
        cast(pair_count as bigint) as pair_count,
        cast(cluster_count as bigint) as cluster_count,
        cast(correlation as numeric(18, 6)) as correlation,
        cast(
            {{ greater('-1', 'correlation - t_quantile * standard_error') }} as numeric(18, 6)
        ) as correlation_low,
        cast(
            {{ lesser('1', 'correlation + t_quantile * standard_error') }} as numeric(18, 6)
        ) as correlation_high,
        cast(
            {{ double_quotient('abs(correlation)', 'standard_error') }} as numeric(18, 6)
        ) as strength
    from correlated
{%- endmacro %}
