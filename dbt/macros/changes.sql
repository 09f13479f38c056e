{#-
  For histories whose rows tell a change (config.meta.rows: change): a blank means unchanged, so a
  column holds what was told last. Two steps, since no engine but the newest skips nulls in windows:
  a CTE with `told_so_far`, and `last_told` over it.
  key: column of the entity; order: the instant that orders its rows, unique within the entity.
-#}

{#- For each column, how many rows up to this one have told it: <column>_told. -#}
{% macro told_so_far(columns, key, order) -%}
    {%- for column in columns %}
        count({{ column }}) over (
            partition by {{ key }} order by {{ order }} nulls last
            rows between unbounded preceding and current row
        ) as {{ column }}_told{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- What the column was told to be last; null before it was ever told. -#}
{% macro last_told(column, key, order) -%}
    first_value({{ column }}) over (
            partition by {{ key }}, {{ column }}_told order by {{ order }} nulls last
        )
{%- endmacro %}
