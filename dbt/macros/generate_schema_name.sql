{#-
  prod, and the engines that build it, write the schema names of the design exactly (mart_gold, ...);
  every other target puts its own schema in front (dbt_alice_mart_gold), snapshots included.
  `o2r publish` has marts built in mart_gold_shadow, by the suffix in O2R_GOLD_SUFFIX.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set name = (custom_schema_name or '') | trim -%}
    {%- if name == 'mart_gold' -%}
        {%- set name = name ~ env_var('O2R_GOLD_SUFFIX', '') -%}
    {%- endif -%}
    {%- if not name -%}
        {{ target.schema }}
    {%- elif target.name in ('prod', 'duckdb', 'spark') -%}
        {{ name }}
    {%- else -%}
        {{ target.schema }}_{{ name }}
    {%- endif -%}
{%- endmacro %}
