{#-
  Rows in which any of the columns is null. One scan for all columns.

  columns: names of the columns.
-#}
{% test columns_not_null(model, columns) %}
{{ rows_with_problem(model, conditions_of(columns, 'is not null', 'is null')) }}
{% endtest %}
