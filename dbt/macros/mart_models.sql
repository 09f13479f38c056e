{#-
  Sorted names of the mart models, each once whatever its versions, for tests that must cover every
  mart, also those still to come.
-#}
{% macro mart_models() -%}
    {%- set names = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() -%}
            {%- if
                node.resource_type == 'model'
                and node.package_name == 'o2r'
                and node.fqn[1] == 'marts'
            -%}
                {%- do names.append(node.name) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(names | unique | sort) }}
{%- endmacro %}
