{#- Rows whose value lies outside the range; null passes. -#}
{% test expect_column_values_to_be_between(
    model, column_name, min_value=none, max_value=none, row_condition=none, strictly=false
) %}
    {%- if min_value is none and max_value is none %}
        {{ exceptions.raise_compiler_error("expect_column_values_to_be_between needs min_value or max_value") }}
    {%- endif %}
    {%- set equals = '' if strictly else '=' %}
    {%- set bounds = [] %}
    {%- if min_value is not none %}{% do bounds.append(column_name ~ ' >' ~ equals ~ ' ' ~ min_value) %}{% endif %}
    {%- if max_value is not none %}{% do bounds.append(column_name ~ ' <' ~ equals ~ ' ' ~ max_value) %}{% endif %}
    select *
    from {{ model }}
    where
        not ({{ bounds | join(' and ') }})
        {%- if row_condition %}
        and ({{ row_condition }})
        {%- endif %}
{% endtest %}

{#- Rows in which A is not greater than B; a null on either side passes. -#}
{% test expect_column_pair_values_A_to_be_greater_than_B(
    model, column_A, column_B, or_equal=false, row_condition=none
) %}
    select *
    from {{ model }}
    where
        not ({{ column_A }} >{{ '=' if or_equal }} {{ column_B }})
        {%- if row_condition %}
        and ({{ row_condition }})
        {%- endif %}
{% endtest %}
