{#- What a source never delivered speaks of is unknown, never 0 and never false. -#}

{#-
  Whether something of one of the bronze tables was delivered by the as-of day. True or false, for
  the whole warehouse; names of tables as arguments.
-#}
{% macro is_delivered() -%}
    {%- if execute and graph.sources is defined -%}
        {%- set tables = graph.sources.values() | map(attribute='name') | list -%}
        {%- for name in varargs if name not in tables -%}
            {{- exceptions.raise_compiler_error('is_delivered: there is no bronze table ' ~ name) -}}
        {%- endfor -%}
    {%- endif -%}
    (
        select count(*) > 0 from {{ ref('int_source_delivered') }}
        where bronze_table in ('{{ varargs | join("', '") }}')
    )
{%- endmacro %}

{#- Whether something of each of these bronze tables was delivered. -#}
{% macro are_delivered(tables) -%}
    {%- for table in tables -%}
        {{ ' and ' if not loop.first }}{{ is_delivered(table) }}
    {%- endfor -%}
{%- endmacro %}

{#-
  A value that is `otherwise` (0, false) where a delivered source says nothing of it, and null where
  no such source was ever delivered. Names of bronze tables follow.
-#}
{% macro unless_never_delivered(value, otherwise) -%}
    case when {{ is_delivered(*varargs) }} then coalesce({{ value }}, {{ otherwise }}) end
{%- endmacro %}
