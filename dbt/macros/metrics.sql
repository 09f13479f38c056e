{#- Helpers of the metric marts. -#}

{#-
  Member of the current row's reporting dimension.
  members: mapping of dimension (plan_tier, segment, region, product) to the column that holds it;
      a dimension left out gives null, and its rows are to be dropped.
  Needs the relation int_grain_dimension in scope under the name grain_dimensions.
-#}
{% macro dimension_value(members) -%}
    case grain_dimensions.dimension
        when 'all' then 'all'
        {%- for dimension, column in members.items() %}
        when '{{ dimension }}' then {{ column }}
        {%- endfor %}
    end
{%- endmacro %}

{#-
  100 x numerator / denominator as percentage with fixed scale; null where the denominator is 0.
  precision: 38 where a tiny denominator may give more than 12 digits.
-#}
{% macro pct(numerator, denominator, precision=18) -%}
    cast(
        100 * cast({{ numerator }} as numeric(38, 6))
        / nullif(cast({{ denominator }} as numeric(38, 6)), 0) as numeric({{ precision }}, 6)
    )
{%- endmacro %}

{#- numerator / denominator with fixed scale; null where the denominator is 0. -#}
{% macro ratio(numerator, denominator) -%}
    cast(
        cast({{ numerator }} as numeric(38, 6))
        / nullif(cast({{ denominator }} as numeric(38, 6)), 0) as numeric(18, 6)
    )
{%- endmacro %}
