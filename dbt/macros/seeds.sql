{#-
  dbt empties the table of a seed and fills it again, and fails where a newer version of the file has
  other columns. Here such a table is made anew, so that a warehouse can be built by the next version.
  Any other is emptied and filled, also with --full-refresh: views hold on to it, and nothing is
  dropped along (macros/dependents.sql).
-#}
{% macro postgres__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {%- set there = adapter.get_columns_in_relation(old_relation) | map(attribute='name') | list -%}
    {{ return(default__reset_csv_table(
        model, there != (agate_table.column_names | list), old_relation, agate_table
    )) }}
{%- endmacro %}
