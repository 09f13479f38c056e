{#- Combinations of the columns that occur more than once; nulls count as equal. -#}
{% test unique_combination_of_columns(model, combination_of_columns, quote_columns=false) %}
    {%- set columns = [] %}
    {%- for column in combination_of_columns %}
        {%- do columns.append(adapter.quote(column) if quote_columns else column) %}
    {%- endfor %}
    select {{ columns | join(', ') }}
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}

{#- Rows for which the expression is false; rows for which it is null pass. -#}
{% test expression_is_true(model, expression, column_name=none) %}
    select {{ '*' if should_store_failures() else '1' }}
    from {{ model }}
    where not ({{ column_name or '' }} {{ expression }})
{% endtest %}

{#- Rows whose value lies outside the range; null passes. Bounds may be SQL expressions. -#}
{% test accepted_range(model, column_name, min_value=none, max_value=none, inclusive=true) %}
    {%- set equals = '=' if inclusive else '' %}
    select *
    from {{ model }}
    where
        1 = 2
        {%- if min_value is not none %}
        or not {{ column_name }} >{{ equals }} {{ min_value }}
        {%- endif %}
        {%- if max_value is not none %}
        or not {{ column_name }} <{{ equals }} {{ max_value }}
        {%- endif %}
{% endtest %}
