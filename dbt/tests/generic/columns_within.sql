{#-
  Rows in which any of the columns lies outside its bounds; a null passes. One scan for all columns.

  ranges: for each column [lowest, highest], both allowed values; null leaves a side open. Columns
      that it does not name have the bounds that their name says (macro ranges_of_names); null
      instead of bounds means none.
-#}
{% test columns_within(model, ranges={}) %}
{%- set within = [] %}
{%- set ranges = with_ranges_of_names(ranges) %}
{%- for column, bounds in ranges.items() %}
    {%- if bounds | length != 2 or bounds == [none, none] %}
        {{ exceptions.raise_compiler_error(
            "columns_within: " ~ column ~ " needs [lowest, highest], one of them not null"
        ) }}
    {%- endif %}
    {%- if bounds[0] is not none %}{% do within.append(column ~ ' >= ' ~ bounds[0]) %}{% endif %}
    {%- if bounds[1] is not none %}{% do within.append(column ~ ' <= ' ~ bounds[1]) %}{% endif %}
{%- endfor %}
    select {{ ranges.keys() | join(', ') or '1 as nothing_to_compare' }}
    from {{ model }}
    where not ({{ within | join(' and ') or 'true' }})
{% endtest %}
