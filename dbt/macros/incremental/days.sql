{#-
  The days that an incremental run of the current model rebuilds, as SQL for `in (...)`.
  Literals, so that only their part of a big table is read.
-#}
{% macro days_to_build() -%}
    {%- set dates = [] -%}
    {%- if execute -%}
        {%- set query -%}
            select distinct event_date from ({{ pending_changes() }}) as pending order by event_date
        {%- endset -%}
        {%- for day in run_query(query).columns[0].values() -%}
            {%- do dates.append("cast('" ~ day ~ "' as date)") -%}
        {%- endfor -%}
    {%- endif -%}
    {{- dates | join(', ') if dates else 'cast(null as date)' -}}
{%- endmacro %}

{#- dbt's hook for strategies: rebuild whole days. A day without rows left goes too. -#}
{% macro get_incremental_replace_days_sql(arguments) -%}
    delete from {{ arguments.target_relation }}
    where {{ arguments.unique_key }} in ({{ days_to_build() }});
    {{ insert_all(arguments) }}
{%- endmacro %}

{% macro insert_all(arguments) -%}
    {%- set columns = get_quoted_csv(arguments.dest_columns | map(attribute='name')) -%}
    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }} from {{ arguments.temp_relation }};
{%- endmacro %}
