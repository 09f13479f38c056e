{#-
  Text attribute of a dimension: trimmed, and 'Unknown' where blank or missing.
  value: SQL expression of type text.
-#}
{% macro text_or_unknown(value) -%}
    coalesce(nullif(trim({{ value }}), ''), 'Unknown')
{%- endmacro %}

{#-
  Rows of a bronze table that its contract allows: within the bounds of each column, its words, and
  the checks of the table (_sources.yml, config.meta; bounds by type: var bounds). The loader keeps
  other rows out; those that another tool wrote stay in bronze, are left out here and counted in
  ops.left_out_rows. src/o2r/bronze/faults.py makes the same conditions.

  One CASE, compared in a way that lets the planner expect nearly all rows. A unit test has no
  contracts: every given row counts. The lake holds no others (`o2r lake export`).
-#}
{% macro delivered(source_name, table_name) -%}
    select * from {{ source(source_name, table_name) }}
    {%- set faults = _faults(source_name, table_name) if execute and target.type == 'postgres' else [] %}
    {%- if faults %}
    where
        case
            {%- for fault in faults %}
            when {{ fault }} then 1
            {%- endfor %}
            else 0
        end <> 1
    {%- endif %}
{%- endmacro %}

{#- SQL booleans, true for a row that the contract of a bronze table forbids. -#}
{% macro _faults(source_name, table_name) -%}
    {%- set found = [] -%}
    {%- set contract = (graph.sources or {}).get('source.o2r.' ~ source_name ~ '.' ~ table_name) -%}
    {%- if not contract -%}{{ return([]) }}{%- endif -%}
    {%- set columns = contract.columns.values() | list -%}
    {%- for column in columns -%}
        {%- set kind = column.data_type.split('(')[0] -%}
        {%- set kind = 'date' if kind in ('timestamp', 'timestamptz') else kind -%}
        {%- set is_key = column.name in contract.meta.business_key or column.name.endswith('_id') -%}
        {%- set kind = 'identifier' if kind == 'text' and is_key else kind -%}
        {%- set bounds = dict(var('bounds').get(kind, {}), **column.meta.get('bounds', {})) -%}
        {%- set name = column.name -%}
        {%- if bounds.bytes is not none and bounds.bytes is defined -%}
            {%- do found.append('octet_length(' ~ name ~ ') > ' ~ bounds.bytes) -%}
        {%- elif kind == 'date' -%}
            {%- set midnight = '' if column.data_type == 'date' else ' 00:00:00' -%}
            {%- set zone = '+00:00' if column.data_type == 'timestamptz' else '' -%}
            {%- do found.append(name ~ " < '" ~ bounds.min ~ midnight ~ zone ~ "'") -%}
            {%- set hours = 24 * bounds.days_after_load -%}
            {%- do found.append(name ~ " > loaded_at + interval '" ~ hours ~ " hours'") -%}
        {%- elif bounds -%}
            {%- do found.append(name ~ ' not between ' ~ bounds.min ~ ' and ' ~ bounds.max) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for column in columns if column.meta.get('words') -%}
        {%- set words = column.meta.words | map('string') | join("', '") -%}
        {%- set form = column.meta.normal_form -%}
        {%- set normal = 'trim(' ~ column.name ~ ')' -%}
        {%- set normal = form ~ '(' ~ normal ~ ')' if form in ('lower', 'upper', 'initcap') else normal -%}
        {%- do found.append(normal ~ " not in ('" ~ words ~ "', '')") -%}
    {%- endfor -%}
    {%- for check in contract.meta.get('checks', []) -%}
        {%- do found.append('not (' ~ check ~ ')') -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#-
  Newest arrival in a bronze table, for the freshness of its source. A table that was never filled is
  not late; a stamp ahead of the clock says nothing of today.
-#}
{% macro newest_arrival() -%}
    select coalesce(max(loaded_at) filter (where loaded_at <= current_timestamp), current_timestamp)
    from {{ this }}
{%- endmacro %}
