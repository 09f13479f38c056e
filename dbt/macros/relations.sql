{#-
  With --empty dbt reads every relation as `(select ... limit 0) <alias of its own>`, which no
  longer fits where a model gives an alias itself. Here it comes without one.
-#}
{% macro ref() -%}
    {%- set relation = builtins.ref(*varargs, **kwargs) -%}
    {{ return(relation.replace(require_alias=false) if flags.EMPTY else relation) }}
{%- endmacro %}

{% macro source() -%}
    {%- set relation = builtins.source(*varargs) -%}
    {{ return(relation.replace(require_alias=false) if flags.EMPTY else relation) }}
{%- endmacro %}
