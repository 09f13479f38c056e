{#-
  prod writes the schema names of the design exactly (mart_gold, staging_silver, ...);
  every other target puts its own schema in front (dbt_alice_mart_gold), snapshots included.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name is none -%}
        {{ target.schema }}
    {%- elif target.name == 'prod' -%}
        {{ custom_schema_name | trim }}
    {%- else -%}
        {{ target.schema }}_{{ custom_schema_name | trim }}
    {%- endif -%}
{%- endmacro %}
