{#-
  Rows in which any of the columns is null. One scan for all columns.

  columns: names of the columns.
-#}
{% test columns_not_null(model, columns) %}
    select {{ columns | join(', ') }}
    from {{ model }}
    where {{ columns | join(' is null or ') }} is null
{% endtest %}
