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

{#-
  Select the columns of a model, each key in its newest version. Arguments as of version_rank, and the
  CTE of the versions; its columns are the key, newest and tie_breakers.
-#}
{% macro newest_version(key, tie_breakers, newest=['loaded_at'], versions='cleaned') -%}
    select
        {{ (key + tie_breakers + newest) | join(',\n        ') }}
    from (
        select
            *,
            {{ version_rank(key=key, newest=newest, tie_breakers=tie_breakers) }} as version_rank
        from {{ versions }}
    ) as ranked
    where version_rank = 1
{%- endmacro %}
