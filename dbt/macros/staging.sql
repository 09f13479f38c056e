{#-
  Text attribute of a dimension: trimmed, and 'Unknown' where blank or missing.
  value: SQL expression of type text.
-#}
{% macro text_or_unknown(value) -%}
    coalesce(nullif(trim({{ value }}), ''), 'Unknown')
{%- endmacro %}
