{#-
  Rows in which any of the columns is null. One scan for all columns.

  columns: names of the columns.
-#}
{% test columns_not_null(model, columns) %}
{%- set filled = [] %}
{%- for column in columns %}{% do filled.append([column ~ ' is not null', column ~ ' is null']) %}{% endfor %}
    {{ rows_with_problem(model, filled) }}
{% endtest %}
