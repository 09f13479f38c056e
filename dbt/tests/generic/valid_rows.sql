{#-
  Rows of a table that are not as they must be, the reason in the column `problem`: every simple claim
  about a table in one query, so that a build does not start a thousand of them. A null passes what
  does not speak of nulls.

  key: columns that are never null and tell the rows apart.
  unique: columns that tell the rows apart, where two nulls are the same.
  not_null: further columns that are never null.
  one_of: {column: its words}.
  within: {column: [lowest, highest]}, both allowed values; null leaves a side open. Columns that it
      does not name have the bounds that their name says (macro ranges_of_names); null instead of
      bounds means none.
  finite: numeric columns that are never NaN, which no bound finds: PostgreSQL sorts it above all
      numbers. numeric(18, 6) holds no infinity.
  holds: {what is claimed, in_words: condition}.
-#}
{% test valid_rows(
    model, key=[], unique=[], not_null=[], one_of={}, within={}, finite=[], holds={}
) %}
{%- set ranges = with_ranges_of_names(within) -%}
{%- set filled = key + not_null -%}
{%- set conditions = conditions_of(filled, 'is not null', 'is null') -%}
{%- for column, words in one_of.items() -%}
    {%- do conditions.append([
        column ~ ' in (' ~ quoted(words) ~ ')', column ~ ' is none of ' ~ words | join(', ')
    ]) -%}
{%- endfor -%}
{#- No engine but PostgreSQL has NaN among its numerics. -#}
{%- set finite = finite if target.type == 'postgres' else [] -%}
{%- do conditions.extend(conditions_of(finite, "<> cast('NaN' as numeric(18, 6))", 'is NaN')) -%}
{%- do conditions.extend(ranges.values() | sum(start=[])) -%}
{%- for claim, condition in holds.items() -%}
    {%- do conditions.append([condition, 'not ' ~ claim | replace('_', ' ')]) -%}
{%- endfor -%}
-- compares: {{ ranges.keys() | join(', ') }}
{{ rows_with_problem(model, conditions) }}
{%- for columns in [key, unique] if columns %}
union all
select
    '{{ columns | join(', ') }}: not unique' as problem,
    tested.*
from {{ model }} as tested
inner join (
    select {{ columns | join(', ') }}
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
) as repeated
    on
        {%- for column in columns %}
        {{ 'and ' if not loop.first }}tested.{{ column }} {{ '=' if column in filled else 'is not distinct from' }} repeated.{{ column }}
        {%- endfor %}
{%- endfor %}
{% endtest %}
