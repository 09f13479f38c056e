{#-
  Rows in which any of the columns is NaN, which no bound finds: PostgreSQL sorts it above all numbers.
  The types of bronze and staging, numeric(18,6), hold no infinity. One scan for all columns.

  columns: names of the columns, numeric.
-#}
{% test columns_finite(model, columns) %}
{{ rows_with_problem(
    model, conditions_of(columns, "<> cast('NaN' as numeric(18, 6))", 'is NaN')
) }}
{% endtest %}
