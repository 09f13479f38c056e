{#-
  Fresh statistics for the planner right after a table is built; without them the next model of the
  same run is planned blind. Postgres only.
-#}
{% macro analyze_table() -%}
    {%- if target.type == 'postgres' -%} analyze {{ this }} {%- endif -%}
{%- endmacro %}
