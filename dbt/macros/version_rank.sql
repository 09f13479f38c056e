{#-
  Rank of a delivered row among the versions of its business key; 1 is the one to keep.
  key: columns that identify the entity, or the entity and its version.
  newest: columns that say which version is newer, most important first.
  tie_breakers: every other column of the model. Two different rows with the same key and the same
      age then have one winner, whatever order the engine reads them in; only rows that are equal
      in every column still tie.
-#}
{% macro version_rank(key, newest, tie_breakers) -%}
    row_number() over (
            partition by {{ key | join(', ') }}
            order by
                {%- for column in newest + tie_breakers %}
                {{ column }} desc nulls last{{ ',' if not loop.last }}
                {%- endfor %}
        )
{%- endmacro %}
