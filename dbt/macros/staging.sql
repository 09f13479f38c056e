{#-
  Text attribute of a dimension: trimmed, and 'Unknown' where blank or missing.
  value: SQL expression of type text.
-#}
{% macro text_or_unknown(value) -%}
    coalesce(nullif(trim({{ value }}), ''), 'Unknown')
{%- endmacro %}

{#-
  SHA-256 of the normalised e-mail address (trimmed, lower case); blank gives null.
  The clear text never leaves bronze.
-#}
{% macro email_sha256(email) -%}
    {{ sha256_hex("nullif(lower(trim(" ~ email ~ ")), '')") }}
{%- endmacro %}
