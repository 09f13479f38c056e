{#-
  Print the YAML of built models, to be pasted into their folder: columns with types, and what is
  already said of them. `dbt run-operation generate_model_yaml --args '{"model_names": ["fct_tickets"]}'`
  model_names: list of models of this project that are built in the target.
-#}
{% macro generate_model_yaml(model_names) -%}
    {%- set lines = ['version: 2', '', 'models:'] -%}
    {%- for name in model_names -%}
        {%- set found = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model')
            | selectattr('name', 'equalto', name) | list -%}
        {%- if not found -%}
            {{ exceptions.raise_compiler_error("the project has no model '" ~ name ~ "'") }}
        {%- endif -%}
        {%- set relation = adapter.get_relation(
            found[0].database, found[0].schema, found[0].alias
        ) -%}
        {%- if relation is none -%}
            {{ exceptions.raise_compiler_error(
                "'" ~ name ~ "' is not built in target " ~ target.name ~ ": dbt run --select " ~ name
            ) }}
        {%- endif -%}
        {%- do lines.append('  - name: ' ~ name) -%}
        {%- do lines.append('    description: ' ~ found[0].description | tojson) -%}
        {%- do lines.append('    columns:') -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- set said = found[0].columns.get(column.name, {}) -%}
            {%- do lines.append('      - name: ' ~ column.name) -%}
            {%- do lines.append('        data_type: ' ~ (said.data_type or column.data_type)) -%}
            {%- do lines.append('        description: ' ~ (said.description or '') | tojson) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do print(lines | join('\n')) -%}
{%- endmacro %}
