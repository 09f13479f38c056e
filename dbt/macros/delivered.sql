{#- What a source never delivered speaks of is unknown, never 0 and never false. -#}

{#-
  Whether something of one of the bronze tables was delivered by the as-of day. True or false, for
  the whole warehouse; names of tables as arguments.
-#}
{% macro is_delivered() -%}
    (
        select count(*) > 0 from {{ ref('int_source_delivered') }}
        where bronze_table in ('{{ varargs | join("', '") }}')
    )
{%- endmacro %}

{#-
  A value that is `otherwise` (0, false) where a delivered source says nothing of it, and null where
  no such source was ever delivered. Names of bronze tables follow.
-#}
{% macro unless_never_delivered(value, otherwise) -%}
    case when {{ is_delivered(*varargs) }} then coalesce({{ value }}, {{ otherwise }}) end
{%- endmacro %}
